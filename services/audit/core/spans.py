"""Finished payments as spans, in the JSON encoding of OTLP: a dozen plain fields. Pure.

No library of OpenTelemetry: the encoding is stable and this small, and their packages bring protobuf with them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.contracts.events import PaymentRefused, PaymentSettled, Trace, TracedAttempt
from services.contracts.stamp import micros_of
from services.contracts.traceparent import payment_span_id, span_id_of, trace_id_of

SERVICE_NAME = "tarifa"
_SERVER, _CLIENT = 2, 3  # SpanKind
_ERROR = 2  # StatusCode; left out, it is UNSET

Span = dict[str, Any]


class NotTakenError(Exception):
    """A receiver does not take spans now, or not these. Export again later, from where all were taken."""


def spans_of(event: PaymentSettled | PaymentRefused, trace: Trace) -> list[Span]:
    """Return the span of a payment, from accepted to settled or refused, and those of its attempts below it.

    The same event always gives the same span ids, so exporting it twice stores it once.
    """
    is_settled = isinstance(event, PaymentSettled)
    own_id = payment_span_id(trace.parent, event.id)
    span = {
        "traceId": trace_id_of(trace.parent),
        "spanId": own_id,
        "parentSpanId": span_id_of(trace.parent),
        "name": "payment",
        "kind": _SERVER,
        **_times(event.accepted_at, _ended_at(event, trace)),
        "attributes": _attributes(
            {
                "tarifa.payment.id": event.id,
                "tarifa.payment.status": "settled" if is_settled else "refused",
                "tarifa.payment.amount_cents": event.amount_cents,
                "tarifa.processor": event.processor,
            }
        ),
    }
    if isinstance(event, PaymentRefused):
        span["status"] = {"code": _ERROR, "message": event.detail}
    return [span, *(_attempt(trace, attempt, own_id) for attempt in trace.attempts)]


def export_request(spans: Iterable[Span]) -> dict[str, Any]:
    """Return the spans' ExportTraceServiceRequest."""
    scope = {"scope": {"name": SERVICE_NAME}, "spans": list(spans)}
    resource = {"attributes": _attributes({"service.name": SERVICE_NAME})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _attempt(trace: Trace, attempt: TracedAttempt, parent_id: str) -> Span:
    span = {
        "traceId": trace_id_of(trace.parent),
        "spanId": attempt.span_id,
        "parentSpanId": parent_id,
        "name": f"POST {attempt.processor}",
        "kind": _CLIENT,
        **_times(attempt.began_at, attempt.ended_at),
        "attributes": _attributes(
            {
                "http.request.method": "POST",
                "peer.service": attempt.processor,
                "tarifa.processor": attempt.processor,
                "tarifa.outcome": attempt.outcome,
            }
        ),
    }
    if attempt.outcome != "booked":
        span["status"] = {"code": _ERROR, "message": attempt.outcome}
    return span


def _times(began_at: datetime, ended_at: datetime) -> dict[str, str]:
    # Two machines' clocks may differ: no span ends before it begins.
    return {"startTimeUnixNano": _nanos(began_at), "endTimeUnixNano": _nanos(max(began_at, ended_at))}


def _ended_at(event: PaymentSettled | PaymentRefused, trace: Trace) -> datetime:
    """Return when the payment ended; of a refusal only the end of the last attempt is known."""
    if isinstance(event, PaymentSettled):
        return event.booked_at or event.requested_at
    return trace.attempts[-1].ended_at if trace.attempts else event.accepted_at


def _attributes(values: dict[str, str | int]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: str | int) -> dict[str, str]:
    # 64 bits are a string in the JSON of protobuf.
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _nanos(stamp: datetime) -> str:
    return str(micros_of(stamp) * 1000)
