"""What ingress counts of itself."""

from services.contracts.durations import quantile_ms
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Accepted, TryLater
from services.ingress.core.meter import Meter


def test_answers_are_counted_by_their_kind_and_time() -> None:
    """All kinds are there from the start, so that a reader gets a zero and no gap."""
    meter = Meter()
    meter.answered(Accepted("x"), 2.0)
    meter.answered(Accepted("y"), 2.0)
    meter.answered(TryLater("nats_away", "away"), 700.0)
    meter.answered(Rejected(400, "not_json", "body"), 0.2)
    assert meter.answers == {"accepted": 2, "replayed": 0, "amount_differs": 0, "rejected": 1, "try_later": 1}
    assert meter.turned_down == {"nats_away": 1, "not_json": 1}
    assert sum(meter.took.counts) == 4
    assert (quantile_ms(meter.took.counts, 1.0) or 0) > 500
