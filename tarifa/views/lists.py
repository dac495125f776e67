"""How lists of payments and one payment's life look in a terminal: documents in, renderables out. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.contracts.stamp import text_of
from tarifa.client.documents import AttemptDocument, LifeDocument, PaymentDocument, StepDocument
from tarifa.views import figures
from tarifa.views.payments import payment_view

_OUTCOMES = {
    "booked": "booked",
    "notBooked": "not booked",
    "refused": "refused",
    "unknown": "unknown: it may have charged",
}


def accepted_table(payments: Sequence[PaymentDocument]) -> Table:
    """Return the table of payments that wait."""
    table = Table(box=box.SIMPLE)
    table.add_column("payment", no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    for name in ("accepted", "waits for", "since"):
        table.add_column(name)
    table.add_column("calls", justify="right")
    table.add_column("in doubt")
    table.add_column("last answer")
    for payment in payments:
        known = payment.waiting_for
        cells = (
            ("any serving processor", "", "", "", "")
            if known is None
            else (
                known.processor or "any serving processor",
                _time(known.since),
                figures.count(known.attempts),
                "yes" if known.in_doubt else "no",
                _last(known.last_attempt),
            )
        )
        table.add_row(payment.correlation_id, figures.money(payment.amount), _time(payment.accepted_at), *cells)
    return table


def settled_table(payments: Sequence[PaymentDocument]) -> Table:
    """Return the table of settled payments."""
    table = Table(box=box.SIMPLE)
    table.add_column("payment", no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    for name in ("settled at", "requestedAt", "accepted", "counted"):
        table.add_column(name)
    for payment in payments:
        table.add_row(
            payment.correlation_id,
            figures.money(payment.amount),
            payment.processor or figures.UNKNOWN,
            _time(payment.requested_at),
            _time(payment.accepted_at),
            "no, the book was cleared since" if payment.counted is False else "yes",
        )
    return table


def life_view(life: LifeDocument) -> RenderableType:
    """Return one payment's life: its state, what happened, and what is not known."""
    steps = Table.grid(padding=(0, 2))
    for step in life.steps:
        at = text_of(step.at) if step.at else "time not known"
        steps.add_row(Text(at, style="dim"), Text(step.what), Text(", ".join(_facts(step))))
    parts: list[RenderableType] = [payment_view(life), Text(""), steps]
    parts += [Text(f"not known: {sentence}.", style="dim") for sentence in life.not_known]
    return Group(*parts)


def _facts(step: StepDocument) -> Iterator[str]:
    match step.what:
        case "assigned":
            yield f"to {step.processor} by {step.dispatcher}"
        case "attempt":
            yield f"at {step.processor}"
            yield f"{_outcome(step.outcome)} after {figures.ms(step.took_ms)}" if step.outcome else "under way"
        case "released":
            yield f"by an operator, from {step.from_} to {step.to}"
        case "settled":
            yield f"at {step.processor}"
            if step.amount is not None:
                yield figures.money(step.amount)
            if step.requested_at is not None:
                yield f"requestedAt {text_of(step.requested_at)}"
        case _:
            if step.processor:
                yield f"at {step.processor}"
    yield from filter(None, (step.detail, step.reason))


def _last(attempt: AttemptDocument | None) -> str:
    if attempt is None:
        return ""
    if attempt.outcome is None:
        return "a call is under way"
    words = f"{_outcome(attempt.outcome)} after {figures.ms(attempt.took_ms)}"
    return f"{words}: {attempt.detail}" if attempt.detail else words


def _outcome(word: str) -> str:
    return _OUTCOMES.get(word, word)


def _time(stamp: datetime | None) -> str:
    return text_of(stamp) if stamp else ""
