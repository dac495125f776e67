"""For how long no POST was accepted after a fault of a nats-server, without the effect of other faults. Pure."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.chaos.audit import Verdict, Violation
from sandbox.chaos.offered_payment import OfferedPayment
from sandbox.chaos.planned_fault import NODE_KINDS, ONE_NODE, FaultKind

# After two of three servers were killed: an answer sent before that has arrived by then.
ANSWERS_ARRIVE_S = 1.0
# From the end of another fault, until it is over for clients too.
REST_S = 3.0
_ALONE = "alone"


@dataclass(slots=True)
class NodeFault:
    """A fault as it was done; times are seconds since 1970. ``healthy_s`` None: the cluster was never healthy again."""

    kind: FaultKind
    of: str  # what the first server that was hit led: a stream, the consumer, the meta group
    hit: tuple[str, ...]
    began_s: float
    ended_s: float = 0.0
    healthy_s: float | None = None


class Span(NamedTuple):
    """A period, in seconds since 1970."""

    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Unavailability:
    """The faults of one kind: how many, and for how long no POST was accepted, longest and median."""

    kind: str
    of: str
    count: int
    longest_s: float
    median_s: float
    is_of_one: bool


def overlaps(first: Iterable[Span], second: Sequence[Span]) -> list[Span]:
    """Return the periods in which a span of each is under way."""
    pairs = (Span(max(a.from_s, b.from_s), min(a.until_s, b.until_s)) for a in first for b in second)
    return [each for each in pairs if each.from_s < each.until_s]


def unavailable_s(fault: NodeFault, accepted_s: Sequence[float], end_s: float, excluded: Iterable[Span]) -> float:
    """Return the longest time without an accepted POST from the fault on until the cluster was healthy again.

    Args:
        fault: what was done.
        accepted_s: when POSTs were accepted, sorted.
        end_s: when the last one was offered; later ones are unknown.
        excluded: when something else kept POSTs from being accepted; that does not count.
    """
    until_s = min(end_s, fault.healthy_s or end_s)
    first, last = bisect_right(accepted_s, fault.began_s), bisect_left(accepted_s, until_s)
    next_s = accepted_s[last] if last < len(accepted_s) else until_s
    times_s = [fault.began_s, *accepted_s[first:last], max(next_s, fault.began_s)]
    spans = _joined(excluded)
    gaps = (Span(*ends) for ends in itertools.pairwise(times_s))
    return max(
        gap.until_s - gap.from_s - sum(span.until_s - span.from_s for span in overlaps([gap], spans)) for gap in gaps
    )


def unavailability(
    faults: Iterable[NodeFault], accepted_s: Sequence[float], end_s: float, excluded: Sequence[Span]
) -> list[Unavailability]:
    """Return a row for each kind of fault and what the hit server led."""
    found: dict[tuple[FaultKind, str], list[float]] = {}
    for fault in faults:
        found.setdefault((fault.kind, fault.of), []).append(unavailable_s(fault, accepted_s, end_s, excluded))
    return [
        Unavailability(kind, of, len(gaps_s), max(gaps_s), sorted(gaps_s)[len(gaps_s) // 2], kind in ONE_NODE)
        for (kind, of), gaps_s in sorted(found.items())
        if kind in NODE_KINDS
    ]


def other_causes(faults: Iterable[tuple[FaultKind, str, Span]]) -> list[Span]:
    """Return when something else may have kept POSTs from being accepted: no balancer, no ingress, a full stream."""
    at: dict[str, list[Span]] = {}
    for kind, target, span in faults:
        extended = Span(span.from_s, span.until_s + REST_S)
        if kind in {FaultKind.KILL, FaultKind.FREEZE, FaultKind.RESTART}:
            at.setdefault(target, []).append(extended)
        elif kind in {FaultKind.PAYMENTS_FULL, FaultKind.STORE_BACK, FaultKind.POWER_CUT}:
            at.setdefault(_ALONE, []).append(extended)
    ingresses = [spans for target, spans in at.items() if target.startswith("ingress")]
    no_ingress = [each for first, second in itertools.combinations(ingresses, 2) for each in overlaps(first, second)]
    return [*at.get(_ALONE, ()), *at.get("balancer", ()), *no_ingress]


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Return the same periods as spans that do not overlap."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.from_s <= joined[-1].until_s:
            joined[-1] = Span(joined[-1].from_s, max(joined[-1].until_s, span.until_s))
        else:
            joined.append(span)
    return joined


def accepted_without_majority(faults: Iterable[NodeFault], offers: Mapping[str, OfferedPayment]) -> list[Violation]:
    """Return what was accepted while two of three servers were down: no majority could have stored it.

    Only what was first offered then; what is stored already may be accepted again.
    """
    down = [Span(each.began_s + ANSWERS_ARRIVE_S, each.ended_s) for each in faults if each.kind is FaultKind.TWO_DOWN]
    return [
        Violation(Verdict.DIFFERING, offer.id, "accepted while two of three nats-servers were down")
        for offer in offers.values()
        for span in down
        if offer.accepted_s is not None and span.from_s < offer.history[0][0] and offer.accepted_s < span.until_s
    ]
