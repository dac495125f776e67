"""The metrics of ingress."""

from collections.abc import Iterable

from services.contracts.durations import Durations
from services.ingress.core.meter import Meter
from services.metrics.metric import Metric, Source, counters_by, gauge, histogram


def of_ingress(meter: Meter, store_took: Durations) -> Source:
    """Return the source for what one instance has answered, and how long storing took."""

    async def read() -> Iterable[Metric]:
        return (
            counters_by(
                "result",
                "tarifa_payments_answered_total",
                "POST /payments by result; 202, and 200 after a wait, count as accepted or replayed.",
                meter.answers,
            ),
            counters_by(
                "reason",
                "tarifa_payments_turned_down_total",
                "POST /payments answered with an error, by its slug.",
                meter.turned_down,
            ),
            counters_by(
                "reason",
                "tarifa_requests_denied_total",
                "Requests denied because of the caller, by reason: no key, wrong key, too many requests.",
                meter.denied,
            ),
            counters_by(
                "result",
                "tarifa_waits_total",
                "Requests with Prefer: wait, by result: settled or refused in time, not yet, or not allowed to wait.",
                meter.waits,
            ),
            gauge("tarifa_awaiting_requests", "Requests that are waiting for a settlement.", meter.awaiting),
            histogram(
                "tarifa_payment_answer_seconds", "Duration of POST /payments, from its body to the answer.", meter.took
            ),
            histogram("tarifa_payment_store_seconds", "Time from publishing a payment until the PubAck.", store_took),
        )

    return read
