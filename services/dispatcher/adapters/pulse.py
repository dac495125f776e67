"""This dispatcher's pulse: what waits, the processors' conditions, what happened to payments."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from services.contracts.pulse import DispatcherPulse, ProcessorSeen
from services.contracts.roster import Pause
from services.dispatcher.core.traffic import Traffic


class Clock(Protocol):
    """The clock of the calls."""

    def now_ms(self) -> float:
        """Return milliseconds of a monotonic clock."""


def pulse_of(
    instance: str,
    owner: str,
    started_at: datetime,
    *,
    traffic: Traffic,
    counts: Mapping[str, int],
    left_behind: Callable[[], Mapping[str, int]],
    paused: Callable[[], Mapping[str, Pause]],
    clock: Clock,
) -> Callable[[], DispatcherPulse]:
    """Return a function that reads the pulse from the traffic and the counts."""

    def read() -> DispatcherPulse:
        now_ms, paused_now = clock.now_ms(), paused()
        return DispatcherPulse(
            instance=instance,
            owner=owner,
            started_at=started_at,
            backlog=traffic.backlog,
            in_hand=len(traffic.in_hand),
            oldest_wait_s=round(traffic.oldest_wait_ms(now_ms) / 1000, 3),
            processors={
                name: ProcessorSeen(
                    condition=seen.condition.state,
                    # No call takes 0: a health endpoint that reports 0 promises nothing.
                    latency_ms=seen.condition.latency_ms or seen.called_ms,
                    in_flight=seen.in_flight,
                    bound_waiting=seen.bound_waiting,
                    paused=paused_now.get(name),
                )
                for name, seen in traffic.seen(now_ms).items()
            },
            counts=dict(counts),
            left_behind=dict(left_behind()),
        )

    return read
