"""Finished payments as OTLP spans, field by field."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from services.audit.core.spans import export_request, spans_of
from services.contracts.events import PaymentRefused, PaymentSettled, Trace, TracedAttempt
from services.contracts.money import Cents
from services.contracts.traceparent import payment_span_id

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON_NS = 1_795_348_800_000_000_000
FIRST, SECOND = "1" * 16, "2" * 16


def after(ms: int) -> datetime:
    """Return a moment so long after noon."""
    return NOON + timedelta(milliseconds=ms)


TRACE = Trace(
    PARENT,
    (
        TracedAttempt(FIRST, "default", after(5), after(25), "notBooked"),
        TracedAttempt(SECOND, "fallback", after(30), after(45), "booked"),
    ),
)
SETTLED = PaymentSettled(ID, Cents(1990), "fallback", after(30), NOON, 7, after(45), trace=TRACE)


def test_a_settled_payment_is_a_span_with_its_attempts_below_it() -> None:
    """From accepted to booked, child of what the client sent; times in nanoseconds, 64-bit numbers as text."""
    own, first, second = spans_of(SETTLED, TRACE)
    assert own == {
        "traceId": TRACE_ID,
        "spanId": payment_span_id(PARENT, ID),
        "parentSpanId": PARENT_ID,
        "name": "payment",
        "kind": 2,
        "startTimeUnixNano": str(NOON_NS),
        "endTimeUnixNano": str(NOON_NS + 45_000_000),
        "attributes": [
            {"key": "tarifa.payment.id", "value": {"stringValue": ID}},
            {"key": "tarifa.payment.status", "value": {"stringValue": "settled"}},
            {"key": "tarifa.payment.amount_cents", "value": {"intValue": "1990"}},
            {"key": "tarifa.processor", "value": {"stringValue": "fallback"}},
        ],
    }
    assert (first["spanId"], first["parentSpanId"], first["kind"]) == (FIRST, own["spanId"], 3)
    assert (first["name"], first["status"]) == ("POST default", {"code": 2, "message": "notBooked"})
    assert (second["spanId"], second["traceId"]) == (SECOND, TRACE_ID)
    assert "status" not in second
    assert second["startTimeUnixNano"] == str(NOON_NS + 30_000_000)


def test_a_refused_payment_is_an_error_that_ends_with_its_last_attempt() -> None:
    """The event has no end time of its own."""
    trace = Trace(PARENT, (TracedAttempt(FIRST, "default", after(5), after(25), "refused"),))
    refused = PaymentRefused(ID, Cents(1990), "default", "400 no", NOON, 7, trace=trace)
    own, _ = spans_of(refused, trace)
    assert own["status"] == {"code": 2, "message": "400 no"}
    assert own["endTimeUnixNano"] == str(NOON_NS + 25_000_000)


def test_a_payment_of_which_no_attempt_is_known_is_one_span() -> None:
    """They were made by another dispatcher, which is gone."""
    (own,) = spans_of(replace(SETTLED, booked_at=None), Trace(PARENT))
    assert own["endTimeUnixNano"] == str(NOON_NS + 30_000_000)


def test_no_span_ends_before_it_begins() -> None:
    """Accepted on one machine, booked on another whose clock is behind."""
    own, *_ = spans_of(replace(SETTLED, booked_at=after(-10)), TRACE)
    assert own["startTimeUnixNano"] == own["endTimeUnixNano"] == str(NOON_NS)


def test_spans_are_sent_as_those_of_one_service() -> None:
    """In the envelope that a collector accepts."""
    spans = spans_of(SETTLED, TRACE)
    ((resource,),) = export_request(spans).values()
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "tarifa"}}]
    assert resource["scopeSpans"] == [{"scope": {"name": "tarifa"}, "spans": spans}]
