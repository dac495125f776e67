"""What a dispatcher has counted since its start. Counts only grow."""

from collections.abc import Iterable

from services.contracts.durations import Durations
from services.dispatcher.core.outcome import Booked, NotBooked, Outcome, Refused, Unknown

OUTCOMES: dict[type[Outcome], str] = {
    Booked: "booked",
    NotBooked: "not_booked",
    Refused: "refused",
    Unknown: "unknown",
}


class Counters:
    """``counts`` by what happened; ``outcomes`` of calls by processor and kind; durations by processor.

    ``call_took``: a call until its outcome, look-up included. ``settle_took``: from the acceptance of a payment until
    its settlement is stored.
    """

    def __init__(self, processors: Iterable[str]) -> None:
        self.counts: dict[str, int] = {}
        self.outcomes: dict[tuple[str, ...], int] = {}
        self.call_took: dict[str, Durations] = {}
        self.settle_took: dict[str, Durations] = {}
        self.begin(processors)

    @property
    def processors(self) -> tuple[str, ...]:
        """The names of all processors that anything was counted for."""
        return tuple(self.call_took)

    def begin(self, processors: Iterable[str]) -> None:
        """Count for these processors too, from zero where they are new."""
        for name in processors:
            if name not in self.call_took:
                self.outcomes |= {(name, kind): 0 for kind in OUTCOMES.values()}
                self.call_took[name], self.settle_took[name] = Durations(), Durations()

    def count(self, what: str) -> None:
        """Add one to ``counts[what]``; ``what``, as ``redelivered`` or ``settled.default``, is sent in pulses."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def ended(self, processor: str, outcome: Outcome, took_ms: float) -> None:
        """Count a call that ended ``took_ms`` after it began, the look-up after it included."""
        self.outcomes[processor, OUTCOMES[type(outcome)]] += 1
        self.call_took[processor].add(took_ms)

    def settled(self, processor: str, took_ms: float) -> None:
        """Count a settlement that was stored so long after the payment was accepted."""
        self.settle_took[processor].add(took_ms)
