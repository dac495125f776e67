"""The metrics of ingress."""

from services.contracts.durations import Durations
from services.ingress.adapters.metrics import of_ingress
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Accepted, NotYet, TryLater
from services.ingress.core.meter import RESULTS, WAITS, Meter
from tests.scraped import scraped_from


async def test_answers_are_counted_by_result_and_errors_by_reason() -> None:
    """Every result is there from the start; a reason once it occurred."""
    meter, store_took = Meter(), Durations()
    meter.answered(Accepted("x"), 2.0)
    meter.answered(Rejected(400, "not_json", "body"), 1.0)
    meter.answered(TryLater("backlog_full", "full"), 1.0)
    store_took.add(1.5)
    scraped = await scraped_from(of_ingress(meter, store_took))
    answered = {result: scraped.value("tarifa_payments_answered_total", result=result) for result in RESULTS.values()}
    assert answered == {"accepted": 1, "replayed": 0, "amount_differs": 0, "rejected": 1, "try_later": 1}
    assert scraped.value("tarifa_payments_turned_down_total", reason="backlog_full") == 1
    assert scraped.total("tarifa_payments_turned_down_total") == 2
    assert scraped.value("tarifa_payment_answer_seconds_count") == 3
    assert scraped.value("tarifa_payment_store_seconds_sum") == 0.0015


async def test_waits_are_scraped_by_what_ended_them() -> None:
    """Each result is there from the start, and how many wait now."""
    meter = Meter()
    meter.waited(NotYet())
    meter.awaiting = 3
    scraped = await scraped_from(of_ingress(meter, Durations()))
    ended = {result: scraped.value("tarifa_waits_total", result=result) for result in WAITS.values()}
    assert ended == {"settled": 0, "not_yet": 1, "not_awaited": 0}
    assert scraped.value("tarifa_awaiting_requests") == 3
