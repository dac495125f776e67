"""Which of three nats-servers is hit when, and how: one fault after the other, drawn like cards from a deck. Pure."""

from collections.abc import Iterator
from random import Random

from sandbox.chaos.acts import Act, Kind, Setting
from sandbox.chaos.leaders import CONSUMER, META, STREAMS
from sandbox.chaos.moods import happens

FIRST_S = (5.0, 9.0)
# From the end of one fault: an election and catching up take some 10 s, and the next waits until all are whole.
BETWEEN_S = (18.0, 26.0)
BEFORE_END_S = 20.0  # of the load: a fault whose end is not seen shows nothing
EVEN = 0.5
DOWN_S = (2.0, 8.0)
FROZEN_S = (2.0, 12.0)
CUT_OFF_S = (4.0, 12.0)
TWO_DOWN_S = (4.0, 8.0)
STREAM = "stream"
_STREAM_WEIGHTS = (2, 1, 1)  # as STREAMS: clients wait for PAYMENTS
_LASTS_S = {
    Kind.NODE_FREEZE: FROZEN_S,
    Kind.CUT_OFF: CUT_OFF_S,
    Kind.TWO_DOWN: TWO_DOWN_S,
}
_OF_EACH = (Kind.NODE_KILL, Kind.NODE_FREEZE, Kind.STEP_DOWN)
DECK = (
    *((kind, of) for kind in _OF_EACH for of in (STREAM, CONSUMER, META)),
    *((kind, STREAM) for kind in (Kind.CUT_OFF, Kind.TWO_DOWN, Kind.EMPTIED, Kind.ALL_KILLED)),
)


def node_faults(dice: Random, setting: Setting) -> Iterator[Act]:
    """Yield faults, each of the server that then leads the fault's target."""
    deck: list[tuple[Kind, str]] = []
    at_s = dice.uniform(*FIRST_S)
    while setting.has_nodes:
        deck = deck or dice.sample(DECK, len(DECK))
        kind, of = deck.pop()
        lasts_s = _lasts_s(dice, kind)
        if at_s + lasts_s > setting.length_s - BEFORE_END_S:
            return
        target = dice.choices(STREAMS, _STREAM_WEIGHTS)[0] if of == STREAM else of
        yield Act(at_s, kind, target, lasts_s, {"stalls": happens(dice, EVEN)} if kind is Kind.CUT_OFF else {})
        at_s += lasts_s + dice.uniform(*BETWEEN_S)


def _lasts_s(dice: Random, kind: Kind) -> float:
    """Return how long it lasts; a killed server restarts at once, or after a while."""
    if kind is Kind.NODE_KILL:
        return dice.uniform(*DOWN_S) if happens(dice, EVEN) else 0.0
    return dice.uniform(*_LASTS_S[kind]) if kind in _LASTS_S else 0.0
