"""Plans faults of three nats-servers, one after the other; every kind comes once before any comes again. Pure."""

from collections.abc import Iterator
from random import Random

from sandbox.chaos.fault_mix import happens
from sandbox.chaos.leaders import CONSUMER, META, STREAMS
from sandbox.chaos.planned_fault import FaultKind, PlanInputs, PlannedFault

FIRST_S = (5.0, 9.0)
# From the end of one fault: an election and catching up take some 10 s, and the next waits until all is healthy.
BETWEEN_S = (18.0, 26.0)
BEFORE_END_S = 20.0  # of the load: a fault whose end is not seen shows nothing
HALF = 0.5
DOWN_S = (2.0, 8.0)
FROZEN_S = (2.0, 12.0)
CUT_OFF_S = (4.0, 12.0)
TWO_DOWN_S = (4.0, 8.0)
STREAM = "stream"
_STREAM_WEIGHTS = (2, 1, 1)  # as STREAMS: clients wait for PAYMENTS
_LASTS_S = {
    FaultKind.NODE_FREEZE: FROZEN_S,
    FaultKind.CUT_OFF: CUT_OFF_S,
    FaultKind.TWO_DOWN: TWO_DOWN_S,
}
_OF_EACH_GROUP = (FaultKind.NODE_KILL, FaultKind.NODE_FREEZE, FaultKind.STEP_DOWN)
ALL_KINDS = (
    *((kind, of) for kind in _OF_EACH_GROUP for of in (STREAM, CONSUMER, META)),
    *((kind, STREAM) for kind in (FaultKind.CUT_OFF, FaultKind.TWO_DOWN, FaultKind.EMPTIED, FaultKind.ALL_KILLED)),
)


def node_faults(dice: Random, inputs: PlanInputs) -> Iterator[PlannedFault]:
    """Yield faults, each of the server that then leads the fault's target."""
    left: list[tuple[FaultKind, str]] = []
    at_s = dice.uniform(*FIRST_S)
    while inputs.has_nodes:
        left = left or dice.sample(ALL_KINDS, len(ALL_KINDS))
        kind, of = left.pop()
        lasts_s = _lasts_s(dice, kind)
        if at_s + lasts_s > inputs.length_s - BEFORE_END_S:
            return
        target = dice.choices(STREAMS, _STREAM_WEIGHTS)[0] if of == STREAM else of
        yield PlannedFault(
            at_s, kind, target, lasts_s, {"stalls": happens(dice, HALF)} if kind is FaultKind.CUT_OFF else {}
        )
        at_s += lasts_s + dice.uniform(*BETWEEN_S)


def _lasts_s(dice: Random, kind: FaultKind) -> float:
    """Return how long it lasts; a killed server restarts at once, or after a while."""
    if kind is FaultKind.NODE_KILL:
        return dice.uniform(*DOWN_S) if happens(dice, HALF) else 0.0
    return dice.uniform(*_LASTS_S[kind]) if kind in _LASTS_S else 0.0
