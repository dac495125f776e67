"""``tarifa payments``: what waits, and what was settled, payment by payment."""

import asyncio
import os
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, assert_never

import typer
from rich.console import Console

from tarifa.client.answers import ListAnswer, Negative, RejectedAnswer, TryLaterAnswer, UnreachableAnswer
from tarifa.client.documents import NotADocumentError, PageDocument, PaymentDocument, one_line, payment_from
from tarifa.client.service import Service
from tarifa.commands.arguments import key_from_env, length_from_text, point_from_text, url_from_text
from tarifa.commands.options import DEFAULT_URL, FLAG, AsJson, Url, console
from tarifa.exits import end, readable_arguments, say_aside
from tarifa.views.lists import accepted_table, settled_table
from tarifa.views.verdicts import negative_verdict, slug_of

EXAMPLES = """Examples:
  tarifa payments
  tarifa payments --in-doubt --older-than 60s
  tarifa payments --processor default --limit 20
  tarifa payments --status settled --from 2026-11-22T12:00Z --all --json

In the order in which they were stored. Times are UTC.
For a long list of settled ones, tarifa export writes a file.
Exit codes: 0 listed, 2 wrong usage, 4 rejected by the service,
6 service not reachable, or no dispatcher to say what is in doubt.
In doubt: a processor may have charged it, but has not said so."""

PAGE_MAX = 500
AGAIN_MAX = 20
AGAIN_AFTER_S = 0.5
NOT_A_TERMINAL_WIDTH = 240  # wide enough not to break a row where no terminal cuts it

Word = str | None


class ListedStatus(StrEnum):
    """Which payments to list."""

    ACCEPTED = "accepted"
    SETTLED = "settled"


class _List:
    """Shows pages as they come, until there are no more, or the limit is reached."""

    def __init__(self, show: Callable[[PageDocument], None], limit: int | None) -> None:
        self._show = show
        self._left = limit
        self.count = 0
        self.silent: tuple[str, ...] = ()

    async def read(self, service: Service, query: dict[str, str]) -> str | Negative | None:
        """Return the cursor of what was not read, None if all was, or why it stopped."""
        cursor: str | None = query.get("cursor")
        while self._left is None or self._left > 0:
            size = PAGE_MAX if self._left is None else min(PAGE_MAX, self._left)
            more = {"cursor": cursor} if cursor else {}
            answer = await _page(service, {**query, **more, "limit": str(size)})
            if not isinstance(answer, ListAnswer):
                return answer
            self._show(answer.page)
            self.count += len(answer.page.payments)
            self._left = None if self._left is None else self._left - len(answer.page.payments)
            if answer.page.dispatchers is not None:
                self.silent = answer.page.dispatchers.silent
            cursor = answer.page.next
            if cursor is None:
                return None
        return cursor


async def _page(service: Service, query: dict[str, str]) -> ListAnswer | Negative:
    """Ask for a page; again while the service is busy with other lists."""
    answer = await service.page(query)
    for _ in range(AGAIN_MAX):
        if not isinstance(answer, TryLaterAnswer) or answer.slug != "too_many_lists":
            break
        await asyncio.sleep(AGAIN_AFTER_S)
        answer = await service.page(query)
    return answer


def payments_command(
    *,
    status: Annotated[ListedStatus, typer.Option(help="Payments that wait, or were settled.")] = ListedStatus.ACCEPTED,
    in_doubt: Annotated[
        bool | None, typer.Option("--in-doubt/--not-in-doubt", help="Only payments in doubt, or only the others.")
    ] = None,
    older_than: Annotated[Word, typer.Option(metavar="TIME", help="Accepted at least 90s, 15m, 1h or 7d ago.")] = None,
    processor: Annotated[Word, typer.Option(metavar="NAME", help="Waiting for, or settled at, this processor.")] = None,
    start: Annotated[Word, typer.Option("--from", metavar="STAMP", help="Settled: first requestedAt.")] = None,
    stop: Annotated[Word, typer.Option("--to", metavar="STAMP", help="Settled: last requestedAt.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Maximum number of payments.")] = 100,
    every: Annotated[bool, typer.Option("--all", metavar=FLAG, help="No maximum.")] = False,
    cursor: Annotated[Word, typer.Option(metavar="CURSOR", help="Continue where a list ended.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List what waits, and for what: what is stuck, and where; or what was settled.

    With --json, one document a line, as the service sends it.
    """
    doubt = None if in_doubt is None else str(in_doubt).lower()
    given = {"status": str(status), "inDoubt": doubt, "olderThan": older_than, "processor": processor}
    given |= {"from": start, "to": stop, "cursor": cursor}
    query = {name: text for name, text in given.items() if text is not None}
    with readable_arguments():
        _check(query)
        service = Service(url_from_text(url), key_from_env(os.environ))
    listed = _List(_as_lines if as_json else _as_table(status), None if every else limit)
    nothing = _nothing(status, selects=len(query) > 1)
    ended = asyncio.run(_read(listed, service, query))
    match ended:
        case None | str():
            _report_end(listed, ended, nothing)
        case (RejectedAnswer() | TryLaterAnswer() | UnreachableAnswer()) as negative:
            end(*negative_verdict(service.url, negative), slug_of(negative))
        case never:
            assert_never(never)


def _check(query: dict[str, str]) -> None:
    """Raise ValueError where an option cannot be used: the service would name its parameter and not the option."""
    if "olderThan" in query:
        length_from_text("--older-than", query["olderThan"])
    for name in ("from", "to"):
        if name in query:
            point_from_text(f"--{name}", query[name], round_up=False)


async def _read(listed: _List, asked: Service, query: dict[str, str]) -> str | Negative | None:
    async with asked as service:
        return await listed.read(service, query)


def _as_lines(page: PageDocument) -> None:
    for each in page.payments:
        typer.echo(one_line(bytes(each).decode()))


def _as_table(status: ListedStatus) -> Callable[[PageDocument], None]:
    out = console()
    if not out.is_terminal:
        out = Console(highlight=False, width=NOT_A_TERMINAL_WIDTH)
    table = accepted_table if status is ListedStatus.ACCEPTED else settled_table

    def show(page: PageDocument) -> None:
        if page.payments:
            out.print(table([_payment(bytes(each)) for each in page.payments]))

    return show


def _payment(document: bytes) -> PaymentDocument:
    try:
        return payment_from(document)
    except NotADocumentError as error:
        raise typer.BadParameter(str(error)) from None


def _nothing(status: ListedStatus, *, selects: bool) -> str:
    """Return the text for an empty list: without it, a list of what waits looks like a loss once all is settled."""
    which = "No such payment" if selects else "No payment"
    if status is ListedStatus.SETTLED:
        return f"{which} was settled"
    return f"{which} waits; --status settled lists those that were settled"


def _report_end(listed: _List, cursor: str | None, nothing: str) -> None:
    many = "1 payment" if listed.count == 1 else f"{listed.count:,} payments" if listed.count else nothing
    more = f"; there are more: --cursor {cursor}, or --all" if cursor else ""
    say_aside(f"{many}{more}.")
    if listed.silent:
        names = ", ".join(listed.silent)
        say_aside(f"Not answered by {names}: the calls of what these have in hand are not known.")
