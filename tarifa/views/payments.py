"""How a payment and a summary look in a terminal: documents in, renderables out. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.contracts.period import Period
from services.contracts.stamp import text_of
from tarifa.client.answers import AcceptedAnswer
from tarifa.client.documents import PaymentDocument, TotalsDocument, WaitingForDocument
from tarifa.client.fees import Fees
from tarifa.client.paying import PayStep, RefusedEnding, SettledEnding, WaitingStep
from tarifa.client.period import query_of, words_of
from tarifa.views import figures

_LABEL_WIDTH = len("requestedAt ")
_COLOURS = {"accepted": "cyan", "waiting": "yellow", "settled": "bold green", "refused": "bold red"}
_MS_PER_S = 1000


def labelled(label: str, text: str) -> Text:
    """Return one line: a label, and its text."""
    return Text.assemble("  ", (label.ljust(_LABEL_WIDTH), _COLOURS.get(label, "dim")), text)


def step_line(step: PayStep) -> Text:
    """Return the line of a step in a payment's life."""
    match step:
        case AcceptedAnswer(took_ms, is_replay=True):
            return labelled("accepted", f"in {figures.ms(took_ms)}: it was accepted before, and is charged once")
        case AcceptedAnswer(took_ms):
            return labelled("accepted", f"in {figures.ms(took_ms)}")
        case WaitingStep(up_to_s):
            return labelled("waiting", f"for a processor to settle it, up to {up_to_s:g} s in all")
        case never:
            assert_never(never)


def ending_line(ending: SettledEnding | RefusedEnding) -> Text:
    """Return the line of a payment's end."""
    place, after = ending.payment.processor or "a processor", figures.ms(ending.after_ms)
    match ending:
        case SettledEnding():
            return labelled("settled", f"at {place} after {after}")
        case RefusedEnding(payment):
            return labelled("refused", f"by {place} after {after}: {payment.detail or 'it does not say why'}")
        case never:
            assert_never(never)


def settled_lines(payment: PaymentDocument, fees: Fees) -> list[Text]:
    """Return what else is known of a settlement."""
    lines = []
    if payment.requested_at:
        lines.append(labelled("requestedAt", text_of(payment.requested_at)))
    fee = fees.get(payment.processor or "")
    if fee is not None:
        lines.append(labelled("fee", f"{figures.exact(payment.amount * fee)} ({figures.fee(fee)})"))
    return lines


def payment_view(payment: PaymentDocument) -> Table:
    """Return one payment's state as a table."""
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("payment", style="dim"), Text(payment.correlation_id))
    table.add_row(Text("amount", style="dim"), Text(figures.money(payment.amount)))
    table.add_row(Text("status", style="dim"), Text(payment.status, style=_COLOURS[payment.status]))
    if payment.processor:
        table.add_row(Text("processor", style="dim"), Text(payment.processor))
    if payment.accepted_at:
        table.add_row(Text("acceptedAt", style="dim"), Text(text_of(payment.accepted_at)))
    if payment.requested_at:
        table.add_row(Text("requestedAt", style="dim"), Text(f"{text_of(payment.requested_at)}{_later(payment)}"))
    if payment.status == "accepted":
        for label, words in _waiting(payment.waiting_for):
            table.add_row(Text(label, style="dim"), Text(words))
    if payment.detail:
        table.add_row(Text("detail", style="dim"), Text(payment.detail))
    return table


@dataclass(frozen=True, slots=True)
class Row:
    """One processor's part of a summary; fee and fees paid are None where the fee is not known."""

    name: str
    count: int
    amount: Decimal
    fee: Decimal | None

    @property
    def fees_paid(self) -> Decimal | None:
        """Return what the processor took."""
        return None if self.fee is None else self.amount * self.fee


def rows(totals: Mapping[str, TotalsDocument], fees: Fees) -> list[Row]:
    """Return a summary, one row for each processor."""
    return [Row(name, each.total_requests, each.total_amount, fees.get(name)) for name, each in totals.items()]


def fees_of_all(parts: list[Row]) -> Decimal | None:
    """Return the sum of all fees, None where one is unknown."""
    fees = [part.fees_paid for part in parts if part.fees_paid is not None]
    return sum(fees, Decimal()) if len(fees) == len(parts) else None


def summary_view(parts: list[Row], period: Period) -> RenderableType:
    """Return a summary, under its period."""
    table = Table(box=box.SIMPLE, show_footer=True)
    amount = sum((part.amount for part in parts), Decimal())
    table.add_column("processor", "total")
    table.add_column("payments", figures.count(sum(part.count for part in parts)), justify="right")
    table.add_column("amount", figures.money(amount), justify="right")
    has_fees = any(part.fee is not None for part in parts)
    if has_fees:
        table.add_column("fee", justify="right")
        table.add_column("fees paid", figures.money(fees_of_all(parts)), justify="right")
    for part in parts:
        fee_cells = [figures.fee(part.fee), figures.money(part.fees_paid)] if has_fees else []
        table.add_row(part.name, figures.count(part.count), figures.money(part.amount), *fee_cells)
    return Group(Text(f"settled {words_of(period)}", style="dim"), table)


def summary_document(parts: list[Row], period: Period) -> dict[str, Any]:
    """Return a summary as a document; null is an open end, or a fee that is not known."""
    ends = query_of(period)
    return {
        "from": ends.get("from"),
        "to": ends.get("to"),
        "processors": [
            {"name": part.name, "count": part.count, "amount": part.amount, "fee": part.fee, "feesPaid": part.fees_paid}
            for part in parts
        ],
        "total": {
            "count": sum(part.count for part in parts),
            "amount": sum((part.amount for part in parts), Decimal()),
            "feesPaid": fees_of_all(parts),
        },
    }


def _waiting(waiting_for: WaitingForDocument | None) -> Iterator[tuple[str, str]]:
    """Yield what an accepted payment waits for, as pairs of label and text."""
    if waiting_for is None:
        yield "waits for", "a dispatcher: none has it in hand, or none says so"
        return
    since = f", since {text_of(waiting_for.since)}" if waiting_for.since else ""
    yield "waits for", f"{waiting_for.processor or 'any processor that serves'}{since}"
    if waiting_for.dispatcher:
        yield "assigned to", waiting_for.dispatcher
    if waiting_for.released:
        yield "released", "by an operator, from where it was before"
    if waiting_for.attempts:
        yield "attempts", figures.count(waiting_for.attempts)
    if waiting_for.in_doubt:
        place = waiting_for.processor or "one"
        yield "in doubt", f"{place} may have charged it already: it stays there until that is known"


def _later(payment: PaymentDocument) -> str:
    if not (payment.requested_at and payment.accepted_at):
        return ""
    apart_s = (payment.requested_at - payment.accepted_at).total_seconds()
    return f" ({figures.ms(apart_s * _MS_PER_S)} after it was accepted)" if apart_s >= 0 else ""
