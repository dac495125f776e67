"""The views in a terminal."""

import io
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console, RenderableType
from rich.live import Live

from services.contracts.period import Period
from tarifa.client.answers import AcceptedAnswer
from tarifa.client.documents import PaymentDocument, TotalsDocument, WaitingForDocument, vitals_from
from tarifa.client.paying import RefusedEnding, SettledEnding, WaitingStep
from tarifa.views.payments import (
    ending_line,
    payment_view,
    rows,
    settled_lines,
    step_line,
    summary_document,
    summary_view,
)
from tarifa.views.vitals import away_view, vitals_view
from tests.unit.tarifa.samples import VITALS_TEXT

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
ACCEPTED_AT = datetime(2026, 11, 22, 12, 0, 0, 100_000, tzinfo=UTC)
SETTLED = PaymentDocument(
    ID, Decimal("19.90"), "settled", "default", ACCEPTED_AT.replace(microsecond=112_000), ACCEPTED_AT
)
FEES = {"default": Decimal("0.05"), "fallback": Decimal("0.15")}
TOTALS = {"default": TotalsDocument(2, Decimal("39.8")), "fallback": TotalsDocument(1, Decimal("0.1"))}


def shown(view: RenderableType, width: int = 100) -> list[str]:
    """Return the lines of a view, without the blanks at their ends."""
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(view)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def words(view: RenderableType) -> list[list[str]]:
    """Return the words of each line."""
    return [line.split() for line in shown(view)]


def test_each_step_of_a_payment_is_a_line() -> None:
    """A replay says that it is charged once, and a wait how long it may take."""
    assert shown(step_line(AcceptedAnswer(1.84, is_replay=False))) == ["  accepted    in 1.8 ms"]
    assert "charged once" in shown(step_line(AcceptedAnswer(1.84, is_replay=True)))[0]
    assert shown(step_line(WaitingStep(30.0))) == ["  waiting     for a processor to settle it, up to 30 s in all"]


def test_a_settlement_says_where_when_and_for_how_much() -> None:
    """The fee has all its digits: five percent of 19.90 is 0.995."""
    assert shown(ending_line(SettledEnding(SETTLED, 14.21))) == ["  settled     at default after 14.2 ms"]
    assert [shown(line) for line in settled_lines(SETTLED, FEES)] == [
        ["  requestedAt 2026-11-22T12:00:00.112Z"],
        ["  fee         0.995 (5 %)"],
    ]


def test_an_unknown_fee_is_not_shown() -> None:
    """It is neither guessed nor shown as zero."""
    assert [shown(line) for line in settled_lines(SETTLED, {"other": Decimal(0)})] == [
        ["  requestedAt 2026-11-22T12:00:00.112Z"]
    ]


def test_a_refusal_says_why() -> None:
    """The processor's text is shown verbatim, brackets and all."""
    refused = PaymentDocument(ID, Decimal("19.90"), "refused", "default", detail="422 [bold]amount[/bold]")
    assert shown(ending_line(RefusedEnding(refused, 20))) == [
        "  refused     by default after 20.0 ms: 422 [bold]amount[/bold]"
    ]


def test_a_payments_life_leaves_out_what_is_unknown() -> None:
    """An accepted payment has neither processor nor requestedAt yet."""
    assert words(payment_view(PaymentDocument(ID, Decimal(5), "accepted", accepted_at=ACCEPTED_AT))) == [
        ["payment", ID],
        ["amount", "5.00"],
        ["status", "accepted"],
        ["acceptedAt", "2026-11-22T12:00:00.100Z"],
        ["waits", "for", "a", "dispatcher:", "none", "has", "it", "in", "hand,", "or", "none", "says", "so"],
    ]


def test_an_accepted_payment_says_what_it_waits_for() -> None:
    """In words: where, since when, after how many calls, and what doubt means."""
    on = WaitingForDocument("default", ACCEPTED_AT, 3, in_doubt=True, dispatcher="dispatcher-1")
    assert [
        " ".join(line) for line in words(payment_view(PaymentDocument(ID, Decimal(5), "accepted", waiting_for=on)))[3:]
    ] == [
        "waits for default, since 2026-11-22T12:00:00.100Z",
        "assigned to dispatcher-1",
        "attempts 3",
        "in doubt default may have charged it already: it stays there until that is known",
    ]
    released = PaymentDocument(ID, Decimal(5), "accepted", waiting_for=WaitingForDocument("fallback", released=True))
    assert [" ".join(line) for line in words(payment_view(released))[3:]] == [
        "waits for fallback",
        "released by an operator, from where it was before",
    ]
    anywhere = PaymentDocument(ID, Decimal(5), "accepted", waiting_for=WaitingForDocument())
    assert words(payment_view(anywhere))[3:] == [["waits", "for", "any", "processor", "that", "serves"]]


def test_a_settled_payments_life_says_how_long_it_took() -> None:
    """From accepted to the stamp that the processor recorded."""
    assert words(payment_view(SETTLED))[3:] == [
        ["processor", "default"],
        ["acceptedAt", "2026-11-22T12:00:00.100Z"],
        ["requestedAt", "2026-11-22T12:00:00.112Z", "(12.0", "ms", "after", "it", "was", "accepted)"],
    ]


def test_a_summary_adds_up() -> None:
    """Counts, amounts and fees of all processors are their sums."""
    lines = [line for line in words(summary_view(rows(TOTALS, FEES), Period())) if line and line[0][0].isalpha()]
    assert lines == [
        ["settled", "at", "any", "time"],
        ["processor", "payments", "amount", "fee", "fees", "paid"],
        ["default", "2", "39.80", "5", "%", "1.99"],
        ["fallback", "1", "0.10", "15", "%", "0.02"],
        ["total", "3", "39.90", "2.00"],
    ]


def test_a_summary_without_fees_has_no_column_for_them() -> None:
    """A column of dashes would be useless."""
    lines = [line for line in words(summary_view(rows(TOTALS, {}), Period())) if line and line[0][0].isalpha()]
    assert lines[1:] == [
        ["processor", "payments", "amount"],
        ["default", "2", "39.80"],
        ["fallback", "1", "0.10"],
        ["total", "3", "39.90"],
    ]


def test_a_sum_of_fees_is_unknown_where_one_fee_is() -> None:
    """A partial sum would be wrong."""
    document = summary_document(rows(TOTALS, {"default": Decimal("0.05")}), Period(ACCEPTED_AT))
    assert document == {
        "from": "2026-11-22T12:00:00.100Z",
        "to": None,
        "processors": [
            {
                "name": "default",
                "count": 2,
                "amount": Decimal("39.8"),
                "fee": Decimal("0.05"),
                "feesPaid": Decimal("1.99"),
            },
            {"name": "fallback", "count": 1, "amount": Decimal("0.1"), "fee": None, "feesPaid": None},
        ],
        "total": {"count": 3, "amount": Decimal("39.9"), "feesPaid": None},
    }


def test_vitals_show_everything_at_a_glance() -> None:
    """Payments, processors with their money, services, problems."""
    lines = [" ".join(line) for line in words(vitals_view(vitals_from(VITALS_TEXT), "http://x"))]
    assert lines[0] == "Tarifa at http://x 12:00:00 UTC, over the last 10 s"
    assert "accepted 1.0/s settled 2.0/s backlog 4 oldest waits 0.5 s" in lines
    assert "POST 1.5/s p50 1.2 ms p99 3.4 ms accepted in all 123" in lines
    assert "default serving 10.0 ms 3 10.0/s" in lines
    assert "fallback failing - 0 -" in lines
    assert "default 100 90.0 % 1,990.00 5 % 99.50" in lines
    assert "fallback 10 10.0 % 199.00 15 % 29.85" in lines
    assert "total 110 2,189.00 129.30" in lines
    assert "saved compared with the most expensive processor 199.00" in lines
    assert "ingress ingress-1 up ingress-2 silent for 5.0 s" in lines
    assert "ledger ledger up" in lines
    assert lines[1] == "! fallback is failing: payments are settled at others"


def test_problems_are_visible_in_the_smallest_terminal() -> None:
    """A view that stays in place is cut off at its end where it does not fit."""
    out = io.StringIO()
    console = Console(file=out, width=60, height=8, highlight=False, force_terminal=True)
    with Live(vitals_view(vitals_from(VITALS_TEXT), "http://x"), console=console, auto_refresh=False) as live:
        live.refresh()
        seen = out.getvalue()
    assert "fallback is failing" in seen
    assert "saved against" not in seen  # it did not fit


def test_vitals_fit_into_a_terminal_of_eighty_columns() -> None:
    """No name and no large sum is cut off or broken over two lines."""
    large = VITALS_TEXT.replace('"settled": 100', '"settled": 98765432').replace("1990.0", "9876543210.98")
    lines = shown(vitals_view(vitals_from(large), "http://x"), width=80)
    assert len(lines) == len(shown(vitals_view(vitals_from(large), "http://x"), width=200))
    assert "…" not in "".join(lines)


def test_old_vitals_say_that_they_are_old() -> None:
    """The last known state stays visible while the service is away."""
    lines = shown(vitals_view(vitals_from(VITALS_TEXT), "http://x", "Nothing listens there."))
    assert lines[1] == "This was the last state. Nothing listens there. Trying again, until Ctrl-C."


def test_before_the_first_vitals_the_view_says_what_it_waits_for() -> None:
    """And why, once that is known."""
    assert shown(away_view("http://x", None))[-1] == "Waiting for the first vitals ..."
    assert shown(away_view("http://x", "Nothing listens there."))[-1].startswith("Nothing listens there. Trying again")


def test_the_fee_of_a_processor_that_is_not_configured_is_unknown() -> None:
    """What was charged there is shown; its cost, there and in total, is not known."""
    gone = '{"name": "gone", "fee": null, "condition": "unknown", "settled": 7, "amount": 9.5, "feesPaid": null}'
    text = '{"at": "2026-11-22T12:00:00Z", "processors": [%s], "totals": {"settled": 7, "amount": 9.5, "saved": null}}'
    lines = words(vitals_view(vitals_from(text % gone), "http://y"))
    assert ["gone", "7", "-", "9.50", "-", "-"] in lines
    assert ["total", "7", "9.50", "-"] in lines
    assert ["saved", "compared", "with", "the", "most", "expensive", "processor", "-"] in lines


def test_vitals_without_figures_can_be_shown() -> None:
    """A service that has just started sends a document without figures."""
    lines = words(vitals_view(vitals_from('{"at": "2026-11-22T12:00:00Z", "processors": [{"name": "x"}]}'), "http://y"))
    assert ["x", "unknown", "-", "-", "-"] in lines
    assert ["x", "-", "-", "-", "-", "-"] in lines
