"""This dispatcher's pulse: what waits, the processors' conditions, what happened to payments."""

from collections.abc import Callable
from datetime import datetime

from services.contracts.pulse import DispatcherPulse, ProcessorSeen
from services.dispatcher.core.status import Status


def pulse_of(
    instance: str, owner: str, started_at: datetime, status: Callable[[], Status]
) -> Callable[[], DispatcherPulse]:
    """Return a function that returns the current pulse."""

    def read() -> DispatcherPulse:
        now = status()
        paused = now.paused
        return DispatcherPulse(
            instance=instance,
            owner=owner,
            started_at=started_at,
            backlog=now.backlog,
            in_hand=now.in_hand,
            oldest_wait_s=round(now.oldest_wait_ms / 1000, 3),
            processors={
                name: ProcessorSeen(
                    condition=known.condition.state,
                    # No call takes 0: a health endpoint that reports 0 promises nothing.
                    latency_ms=known.condition.latency_ms or known.called_ms,
                    in_flight=known.in_flight,
                    bound_waiting=known.bound_waiting,
                    paused=paused.get(name),
                )
                for name, known in now.processors.items()
            },
            counts=dict(now.counts),
            left_behind=dict(now.left_behind),
        )

    return read
