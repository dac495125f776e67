"""The dispatcher's metrics: what it has counted, what it has in hand, and the processors' conditions now."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

from services.contracts.assignments import processor_of
from services.contracts.processor_entry import ProcessorGeneration
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.known_processor import KnownProcessor
from services.dispatcher.core.status import Status
from services.dispatcher.core.traffic import Traffic
from services.metrics.metric import (
    Metric,
    Numbers,
    Source,
    counter,
    gauge,
    gauges_by,
    histograms_by,
)

# The flow's counts, by their word.
_HAPPENED = {
    "moved": ("tarifa_payments_moved_total", "Payments not booked at one processor and sent to another."),
    "redelivered": ("tarifa_payments_redelivered_total", "Deliveries of payments that were already in hand."),
    "taken_over": ("tarifa_payments_taken_over_total", "Payments taken over from another process."),
    "not_mine": ("tarifa_payments_not_mine_total", "Assignments void because another one came before."),
    "refused_in_doubt": ("tarifa_payments_refused_in_doubt_total", "Refusals of payments in doubt."),
    "assigned_elsewhere": ("tarifa_payments_assigned_elsewhere_total", "Deliveries assigned to an unknown processor."),
    "found_booked": ("tarifa_payments_found_booked_total", "Doubtful payments that a processor has booked."),
    "cleared": ("tarifa_payments_cleared_total", "Doubtful payments that no processor has booked."),
    "doubtful": ("tarifa_payments_doubtful_total", "Doubtful payments that wait for processors' answers."),
    "unreadable": ("tarifa_payments_unreadable_total", "Messages of PAYMENTS that cannot be read."),
    "let_go": ("tarifa_payments_let_go_total", "Payments returned to the queue."),
    "already_settled": ("tarifa_payments_already_settled_total", "Deliveries of payments that were already settled."),
    "amount_differs": ("tarifa_payments_amount_differs_total", "Payments charged with a different amount."),
    "settlement_not_stored": ("tarifa_settlements_not_stored_total", "Failed attempts to store a settlement."),
    "bug": ("tarifa_payments_failed_total", "Payments whose processing raised an exception."),
}
_BACKLOG = "Payments in PAYMENTS: accepted and not settled, in hand or not; absent while NATS does not answer."
_BACKLOG_OLDEST = "The age of the oldest payment that was not delivered to a dispatcher yet; 0 if there is none."
_SETTLEMENTS = ("settled", "refused")


def of_dispatcher(
    status: Callable[[], Status], counters: Counters, traffic: Traffic, waiting: Callable[[], Awaitable[int | None]]
) -> Source:
    """Return the source for one dispatcher.

    Args:
        status: returns what it is now.
        counters: what it has counted.
        traffic: what it has in hand.
        waiting: returns how many payments wait.
    """

    async def read() -> Iterable[Metric]:
        now = status()
        known = now.processors
        found = (*_counted(counters, counters.processors), *_in_hand(traffic, known, now.now_ms), *_conditions(known))
        found = (*found, *_of_generations(now.generations), _left_behind(now.left_behind, counters.processors))
        backlog = await waiting()
        return found if backlog is None else (*found, gauge("tarifa_backlog_payments", _BACKLOG, backlog))

    return read


def _of_generations(generations: Sequence[ProcessorGeneration]) -> Iterator[Metric]:
    yield gauges_by(
        "processor",
        "tarifa_processor_fee_ratio",
        "The fee, as a share of the amount.",
        {each.name: float(each.fee) for each in generations},
    )
    yield gauges_by(
        "processor",
        "tarifa_processor_paused",
        "1 if an operator has paused the processor: it is sent no new payments.",
        {each.name: each.state == "paused" for each in generations if each.state != "closing"},
    )


def _counted(counters: Counters, names: Sequence[str]) -> Iterator[Metric]:
    counts = counters.counts
    for word, (name, text) in _HAPPENED.items():
        yield counter(name, text, counts.get(word, 0))
    yield Numbers(
        "counter",
        "tarifa_settlements_stored_total",
        "Settlements that this dispatcher stored, by processor and kind.",
        ("processor", "kind"),
        {(name, kind): counts.get(f"{kind}.{name}", 0) for name in names for kind in _SETTLEMENTS},
    )
    yield Numbers(
        "counter",
        "tarifa_call_outcomes_total",
        "Calls to a processor, by their outcome.",
        ("processor", "outcome"),
        counters.outcomes,
    )
    yield histograms_by(
        "processor",
        "tarifa_call_seconds",
        "Duration of a call until its outcome is known, including a look-up.",
        counters.call_took,
    )
    yield histograms_by(
        "processor",
        "tarifa_settle_seconds",
        "Time from acceptance of a payment until its settlement is stored.",
        counters.settle_took,
    )


def _in_hand(traffic: Traffic, seen: Mapping[str, KnownProcessor], now_ms: float) -> Iterator[Metric]:
    in_hand = tuple(traffic.in_hand.values())
    bound = {name: [payment for payment in in_hand if _is_bound_to(payment, name)] for name in seen}
    head_age_s = (now_ms - traffic.head_stored_ms) / 1000 if traffic.backlog and traffic.head_stored_ms else 0.0
    yield gauge("tarifa_backlog_oldest_seconds", _BACKLOG_OLDEST, max(0.0, head_age_s))
    yield gauge("tarifa_in_hand_payments", "Payments that this dispatcher has in hand.", len(in_hand))
    yield gauge("tarifa_in_hand_oldest_seconds", "The age of the oldest payment in hand.", _oldest_s(in_hand, now_ms))
    yield gauges_by(
        "processor",
        "tarifa_bound_payments",
        "Payments in doubt: this processor may have charged them, so they are sent to no other.",
        {name: len(payments) for name, payments in bound.items()},
    )
    yield gauges_by(
        "processor",
        "tarifa_bound_oldest_seconds",
        "The age of the oldest payment in doubt; if the processor never answers, it needs a release.",
        {name: _oldest_s(payments, now_ms) for name, payments in bound.items()},
    )
    yield gauges_by(
        "processor",
        "tarifa_calls_in_flight",
        "Calls under way.",
        {name: one.in_flight for name, one in seen.items()},
    )


def _conditions(seen: Mapping[str, KnownProcessor]) -> Iterator[Metric]:
    conditions: Mapping[str, tuple[bool, float]] = {
        name: (one.condition.state == "serving", (one.condition.latency_ms or 0.0) / 1000) for name, one in seen.items()
    }
    yield gauges_by(
        "processor",
        "tarifa_processor_serving",
        "1 if the processor is considered serving, 0 if it is failing.",
        {name: serving for name, (serving, _) in conditions.items()},
    )
    yield gauges_by(
        "processor",
        "tarifa_processor_latency_seconds",
        "The latency that routing uses; 0 while it is unknown.",
        {name: latency_s for name, (_, latency_s) in conditions.items()},
    )


def _left_behind(by_generation: Mapping[str, int], names: Sequence[str]) -> Metric:
    counts = dict.fromkeys(names, 0)
    for generation, count in by_generation.items():
        counts[processor_of(generation)] = counts.get(processor_of(generation), 0) + count
    return gauges_by(
        "processor",
        "tarifa_left_behind_payments",
        "Payments assigned to a removed processor or to its previous URL; every dispatcher reports all.",
        counts,
    )


def _is_bound_to(payment: InHand, name: str) -> bool:
    return processor_of(payment.generation) == name and payment.in_doubt


def _oldest_s(payments: Sequence[InHand], now_ms: float) -> float:
    return max((now_ms - payment.since_ms for payment in payments), default=0.0) / 1000
