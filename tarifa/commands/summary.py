"""``tarifa summary``: the totals of each processor."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated, assert_never

import typer

from services.contracts.period import Period
from tarifa.client.answers import Negative, RejectedAnswer, SummaryAnswer, TryLaterAnswer, UnreachableAnswer
from tarifa.client.documents import json_text
from tarifa.client.fees import Fees, fees_from_env, known_fees
from tarifa.client.service import Service
from tarifa.commands.arguments import key_from_env, url_from_text
from tarifa.commands.options import DEFAULT_URL, AsJson, Url, console
from tarifa.commands.periods import period_from_texts
from tarifa.exits import end, readable_arguments
from tarifa.views.payments import rows, summary_document, summary_view
from tarifa.views.verdicts import negative_verdict, slug_of

EXAMPLES = """Examples:
  tarifa summary
  tarifa summary --since 1h
  tarifa summary --from 2026-11-22T12:00Z --to 2026-11-22T13:00Z --json

Exit codes: 0 shown, 2 wrong usage, 6 service away."""


def summary_command(
    *,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="The last 90s, 15m, 1h or 7d.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="STAMP", help="First requestedAt; no zone is UTC.")
    ] = None,
    stop: Annotated[str | None, typer.Option("--to", metavar="STAMP", help="Last requestedAt.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show what was settled at each processor: count, amount, fees, and the total.

    Counted by the stamp that the processor recorded, both ends inclusive.
    Fees are those of the variable PROCESSORS if it is set, otherwise those
    that the service names, if it does.
    """
    with readable_arguments():
        period = period_from_texts(since, start, stop, datetime.now(UTC))
        given_fees = fees_from_env(os.environ)
        service = Service(url_from_text(url), key_from_env(os.environ))
    answer, fees = asyncio.run(_ask(service, period, given_fees))
    match answer:
        case SummaryAnswer(totals) if as_json:
            typer.echo(json_text(summary_document(rows(totals, fees), period)))
        case SummaryAnswer(totals):
            console().print(summary_view(rows(totals, fees), period))
        case (RejectedAnswer() | TryLaterAnswer() | UnreachableAnswer()) as negative:
            end(*negative_verdict(service.url, negative), slug_of(negative))
        case never:
            assert_never(never)


async def _ask(asked: Service, period: Period, given_fees: Fees) -> tuple[SummaryAnswer | Negative, Fees]:
    async with asked as service:
        answer = await service.summary(period)
        fees = await known_fees(service, given_fees) if isinstance(answer, SummaryAnswer) else given_fees
        return answer, fees
