"""The state of the whole system: pulses combined into one document. Values in, values out; the clock is passed in.

Unknown is None and never zero: what has not been received, or not recently, is not shown as standing still. Only the
ledger's totals stay as they were received last, since they are still true of that time; ``troubles`` says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from services.contracts.durations import quantile_ms
from services.contracts.processor import Processor
from services.contracts.pulse import DispatcherPulse, IngressPulse, LedgerPulse, Pulse, service_of, settled_at
from services.contracts.stamp import text_of
from services.contracts.summary import Totals  # noqa: TC001  # no second block of imports for one annotation
from services.overview.core.charged import charged, left_behind, rounded
from services.overview.core.instance_life import SILENT_AFTER_S, WINDOW_S, InstanceLife, P, per_s, up
from services.overview.core.recent_events import RecentEvents
from services.overview.core.troubles import InstanceSeen, ProcessorState, troubles

FORGOTTEN_AFTER_S = 600.0  # after this long without a pulse an instance was probably removed on purpose
INSTANCES_MAX = 64
SERVICES = ("ingress", "dispatcher", "ledger")
NATS = "nats"


@dataclass(frozen=True, slots=True)
class Server:
    """One of several NATS servers, as seen by the leader of PAYMENTS: whether, and when, it last heard from it.

    ``seen_s`` is None where it has not heard from it since it leads.
    """

    name: str
    seen_s: float | None
    is_up: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """Payments that are accepted and not settled, from the stream itself, and how long the oldest has been there.

    ``accepted``: how many it has ever stored. ``servers``: those that have it; empty for a single server.
    """

    payments: int
    oldest_wait_s: float
    accepted: int
    servers: tuple[Server, ...] = ()


class Vitals:
    """What was received since ``begun_s``; ``processors`` are those of the settings, with their fees."""

    def __init__(self, processors: Sequence[Processor], begun_s: float) -> None:
        self._processors = processors
        self._begun_s = begun_s
        self._ingresses: dict[str, InstanceLife[IngressPulse]] = {}
        self._dispatchers: dict[str, InstanceLife[DispatcherPulse]] = {}
        self._ledgers: dict[str, InstanceLife[LedgerPulse]] = {}
        self._totals: Mapping[str, Totals] | None = None
        self._recent = RecentEvents()
        self._backlog: Backlog | None = None
        self._nats_s: float | None = None  # when NATS last answered

    def add_pulse(self, pulse: Pulse, now_s: float) -> None:
        """Add a pulse, received at ``now_s`` of the monotonic clock; a new start of an instance begins a new life."""
        match pulse:
            case IngressPulse():
                _add(self._ingresses, pulse, now_s)
            case DispatcherPulse():
                self._recent.add_pulse(_before(self._dispatchers, pulse), pulse, now_s)
                _add(self._dispatchers, pulse, now_s)
            case LedgerPulse():
                _add(self._ledgers, pulse, now_s)
                self._totals = self._totals if pulse.totals is None else pulse.totals
            case never:
                assert_never(never)

    def set_backlog(self, backlog: Backlog, now_s: float) -> None:
        """Set the backlog with which NATS answered at ``now_s`` of the monotonic clock."""
        self._backlog = backlog
        self._nats_s = now_s

    def document(self, now_s: float, at: datetime) -> dict[str, Any]:
        """Return all that is known now, for the page and the command line; ``at`` is the time in UTC."""
        for lives in self._all():
            _forget(lives, now_s)
        dispatchers = up(self._dispatchers.values(), now_s)
        processors, totals = charged(self._processors, dispatchers, self._totals)
        seen = self._seen(now_s)
        ledgers = up(self._ledgers.values(), now_s)
        return {
            "at": _text(at),
            "window_s": int(WINDOW_S),
            "payments": self._payments(now_s),
            "post": self._post(now_s),
            "processors": processors,
            "totals": totals,
            "services": [_service(one) for one in seen],
            "troubles": troubles(
                seen,
                processors=[ProcessorState(one["name"], one["condition"], one["paused"]) for one in processors],
                book_is_whole=not any(life.newest.totals is None for life in ledgers),
                conflicts=max((life.newest.conflicts for life in ledgers), default=0),
                unreadable=max((life.newest.unreadable for life in ledgers), default=0),
                damage=max((life.newest.damage for life in ledgers), default=""),
                recent=self._recent.recent(now_s),
                left_behind=left_behind(dispatchers),
                of_instances={
                    life.newest.instance: life.newest.trouble
                    for life in up(self._ingresses.values(), now_s)
                    if life.newest.trouble
                },
            ),
        }

    def _payments(self, now_s: float) -> dict[str, float | None]:
        # Only while NATS answers: the oldest wait grows, and must not seem to stand still.
        backlog = self._backlog if self._nats_answers(now_s) else None
        return {
            "acceptedPerS": per_s(up(self._ingresses.values(), now_s), lambda pulse: pulse.answers.get("accepted", 0)),
            "settledPerS": per_s(up(self._dispatchers.values(), now_s), self._settled),
            "accepted": None if backlog is None else backlog.accepted,
            "backlog": None if backlog is None else backlog.payments,
            "oldestWaitS": None if backlog is None else rounded(backlog.oldest_wait_s),
        }

    def _post(self, now_s: float) -> dict[str, float | None]:
        lives = up(self._ingresses.values(), now_s)
        took = [sum(bucket) for bucket in zip(*(life.grown(lambda pulse: pulse.took) for life in lives), strict=True)]
        return {
            "perS": per_s(lives, lambda pulse: sum(pulse.took)),
            "p50Ms": rounded(quantile_ms(took, 0.5)),
            "p99Ms": rounded(quantile_ms(took, 0.99)),
        }

    def _settled(self, pulse: DispatcherPulse) -> int:
        # At any processor: a dispatcher may have other settings than this ingress.
        return sum(count for what, count in pulse.counts.items() if what.startswith(settled_at("")))

    def _all(self) -> tuple[dict[str, InstanceLife[Any]], ...]:
        return self._ingresses, self._dispatchers, self._ledgers

    def _nats_answers(self, now_s: float) -> bool:
        return self._nats_s is not None and now_s - self._nats_s <= SILENT_AFTER_S

    def _seen(self, now_s: float) -> list[InstanceSeen]:
        """Return every instance; a service without a pulse that should have sent one by now, under its own name."""
        waited_s = now_s - self._begun_s
        found = [
            InstanceSeen(
                service_of(life.newest), name, is_up=life.is_up(now_s), seen_s=now_s - life.received_s, life=life
            )
            for lives in self._all()
            for name, life in sorted(lives.items())
        ]
        if waited_s > SILENT_AFTER_S:
            known = {one.service for one in found}
            found += [InstanceSeen(name, name, is_up=False, seen_s=None) for name in SERVICES if name not in known]
        if self._nats_answers(now_s) and self._backlog is not None and self._backlog.servers:
            return found + [
                InstanceSeen(NATS, each.name, is_up=each.is_up, seen_s=each.seen_s) for each in self._backlog.servers
            ]
        if self._nats_s is not None or waited_s > SILENT_AFTER_S:
            seen_s = None if self._nats_s is None else now_s - self._nats_s
            found.append(InstanceSeen(NATS, NATS, is_up=self._nats_answers(now_s), seen_s=seen_s))
        return found


def _before(lives: Mapping[str, InstanceLife[P]], pulse: P) -> P | None:
    """Return the last pulse of the same life."""
    known = lives.get(pulse.instance)
    return known.newest if known is not None and known.started_at == pulse.started_at else None


def _add(lives: dict[str, InstanceLife[P]], pulse: P, now_s: float) -> None:
    known = lives.get(pulse.instance)
    if known is not None and known.started_at == pulse.started_at:
        known.add(pulse, now_s)
        return
    lives[pulse.instance] = InstanceLife(pulse, now_s)
    if len(lives) > INSTANCES_MAX:
        del lives[min(lives, key=lambda name: lives[name].received_s)]


def _forget(lives: dict[str, InstanceLife[P]], now_s: float) -> None:
    for name in [name for name, life in lives.items() if now_s - life.received_s > FORGOTTEN_AFTER_S]:
        del lives[name]


def _service(seen: InstanceSeen) -> dict[str, Any]:
    return {
        "service": seen.service,
        "instance": seen.instance,
        "state": "up" if seen.is_up else "silent",
        "seenS": rounded(seen.seen_s),
        "startedAt": None if seen.life is None else _text(seen.life.started_at),
    }


def _text(stamp: datetime) -> str:
    return text_of(stamp.replace(microsecond=stamp.microsecond // 1000 * 1000))
