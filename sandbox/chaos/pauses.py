"""What a pause guarantees: nothing new goes to the processor, and what it may have charged is settled there. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.chaos.audit import UnknownOutcome, Verdict, Violation
from sandbox.charges import Charge

UNDISTURBED_LEAST_S = 12.0  # how long it must serve undisturbed before an unsettled payment is a violation
_MICROS = 1e6


class ProcessorPause(NamedTuple):
    """A pause that was done; times are seconds since 1970.

    Args:
        processor: its name.
        known_s: from then on every dispatcher knew of it.
        healthy_s: from then on the processor was wanted to book and to answer.
        until_s: then it was resumed.
        held: payments that were in doubt there when it was known.
        served: whether it took payments whenever that was looked at from ``healthy_s`` on.
    """

    processor: str
    known_s: float
    healthy_s: float
    until_s: float
    held: frozenset[str]
    served: bool


@dataclass(frozen=True, slots=True)
class PauseCounts:
    """How many pauses there were, and payments: first offered meanwhile, in doubt there, and of these settled there."""

    pauses: int
    offered: int
    held: int
    settled_there: int


def counts(
    pauses: Sequence[ProcessorPause], offered: Mapping[str, float], settled: Mapping[str, tuple[str, float]]
) -> PauseCounts:
    """Return the counts; ``offered``: when a payment was first offered, ``settled``: where and when, both by id."""
    return PauseCounts(
        len(pauses),
        sum(pause.known_s <= at_s < pause.until_s for pause in pauses for at_s in offered.values()),
        sum(len(pause.held) for pause in pauses),
        sum(len(settled_there(pause, settled)) for pause in pauses),
    )


def sent_to_paused(
    pauses: Iterable[ProcessorPause],
    offered: Mapping[str, float],
    charges: Sequence[Charge],
    unknown: Sequence[UnknownOutcome],
) -> list[Violation]:
    """Return the payments that were first offered during a pause, and sent to that processor before its end."""
    sent = [(each.processor, each.id, each.requested_at_us / _MICROS) for each in charges]
    sent += [(each.processor, each.id, each.at_s) for each in unknown]
    return [
        Violation(
            Verdict.DIFFERING,
            payment_id,
            f"was first offered during a pause of {pause.processor}, and sent there {at_s - pause.known_s:.1f} s on",
        )
        for pause in pauses
        for processor, payment_id, at_s in sent
        if processor == pause.processor
        and pause.known_s <= at_s < pause.until_s
        and offered.get(payment_id, 0.0) >= pause.known_s
    ]


def settled_there(pause: ProcessorPause, settled: Mapping[str, tuple[str, float]]) -> frozenset[str]:
    """Return the payments in doubt that were settled there during the pause; ``settled``: where and when, by id."""
    none = ("", 0.0)
    return frozenset(
        each
        for each in pause.held
        if settled.get(each, none)[0] == pause.processor and settled[each][1] < pause.until_s
    )


def not_settled_there(
    pauses: Iterable[ProcessorPause],
    settled: Mapping[str, tuple[str, float]],
    faults: Sequence[tuple[float, float]],
) -> list[Violation]:
    """Return the payments in doubt that were not settled there, though it served and nothing else was broken.

    ``faults``: begin and end of each other fault.
    """
    return [
        Violation(
            Verdict.DIFFERING, each, f"was in doubt at {pause.processor}, and is not settled there during its pause"
        )
        for pause in pauses
        if pause.served and _undisturbed_s(pause, faults) >= UNDISTURBED_LEAST_S
        for each in sorted(pause.held - settled_there(pause, settled))
    ]


def _undisturbed_s(pause: ProcessorPause, faults: Iterable[tuple[float, float]]) -> float:
    disturbed = [ended_s for began_s, ended_s in faults if began_s < pause.until_s and ended_s > pause.healthy_s]
    return pause.until_s - max((pause.healthy_s, *disturbed))
