"""What ingress counts of itself: how it answered ``POST /payments``, and how long that took."""

from collections import Counter

from services.contracts.durations import Durations
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Accepted, AmountDiffers, NotAwaited, NotYet, Replayed, Standing, TryLater
from services.ingress.core.guard import DENIALS

RESULTS = {
    Accepted: "accepted",
    Replayed: "replayed",
    AmountDiffers: "amount_differs",
    Rejected: "rejected",
    TryLater: "try_later",
}


WAITS = {Standing: "settled", NotYet: "not_yet", NotAwaited: "not_awaited"}


class Meter:
    """Counts since the start; ``answers`` is by the names in RESULTS, ``turned_down`` by the slug of the answer.

    ``denied``: requests of any kind that were not carried out because of their sender, by the slug of the answer.
    ``waits``: requests that asked to wait for a settlement, by the names in WAITS; ``awaiting``: how many do now.
    """

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter(dict.fromkeys(RESULTS.values(), 0))
        self.turned_down: Counter[str] = Counter()
        # There from the start, so that a rate includes the first.
        self.denied: Counter[str] = Counter(dict.fromkeys(DENIALS, 0))
        self.waits: Counter[str] = Counter(dict.fromkeys(WAITS.values(), 0))
        self.awaiting = 0
        self.took = Durations()

    def answered(self, answer: Accepted | Replayed | AmountDiffers | Rejected | TryLater, took_ms: float) -> None:
        """Count one answer to ``POST /payments``, given ``took_ms`` milliseconds after the request came."""
        self.answers[RESULTS[type(answer)]] += 1
        self.took.add(took_ms)
        if isinstance(answer, Rejected | TryLater):
            self.turned_down[answer.slug] += 1

    def waited(self, answer: Standing | NotYet | NotAwaited) -> None:
        """Count how one request with ``Prefer: wait`` ended."""
        self.waits[WAITS[type(answer)]] += 1
