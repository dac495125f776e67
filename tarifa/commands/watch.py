"""``tarifa watch``: the system, live."""

import asyncio
import os
import sys
from contextlib import aclosing
from typing import Annotated, assert_never

import typer

from tarifa.client.answers import NoEventsAnswer, UnreachableAnswer
from tarifa.client.following import Update, updates
from tarifa.client.service import Service
from tarifa.commands.arguments import key_from_env, length_from_text, url_from_text
from tarifa.commands.options import DEFAULT_URL, AsJson, Url, console
from tarifa.exits import Exit, end, readable_arguments
from tarifa.views.screens import Lines, LiveScreen, Screen

EXAMPLES = """Examples:
  tarifa watch
  tarifa watch --for 10s --json
  tarifa watch | jq .payments

Exit codes: 0 vitals were received, 2 wrong usage,
6 service away all the time, 7 it has no /events."""


class _Watch:
    """Shows what comes, and remembers whether anything did."""

    def __init__(self) -> None:
        self.vitals_count = 0
        self.away: str | None = None
        self.has_no_events = False

    async def run(self, service: Service, screen: Screen) -> None:
        """Show everything that comes; forever, unless the service has no events."""
        async with service, aclosing(updates(service)) as received:
            async for each in received:
                match each:
                    case Update():
                        self.vitals_count += 1
                        screen.show(each)
                    case UnreachableAnswer(sentence):
                        self.away = sentence
                        screen.show(each)
                    case NoEventsAnswer():
                        self.has_no_events = True
                    case never:
                        assert_never(never)


def watch_command(
    *,
    length: Annotated[str | None, typer.Option("--for", metavar="TIME", help="Stop after this time.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Watch the system live, until Ctrl-C: payments, processors, money, services, problems.

    In a terminal the view stays in place; otherwise, or with --json, each
    document of the service is one line. When the service goes away, that is
    shown, and the watch continues when it is back.
    """
    with readable_arguments():
        for_s = None if length is None else length_from_text("--for", length).total_seconds()
        service = Service(url_from_text(url), key_from_env(os.environ))
    watch = _Watch()
    try:
        screen = Lines(service.url) if as_json or not sys.stdout.isatty() else LiveScreen(service.url, console())
        with screen:
            asyncio.run(_run(watch, service, screen, for_s))
    except KeyboardInterrupt:
        pass  # that is how it ends, as the help says
    if watch.has_no_events:
        sentence = f"{service.url} has no /events to watch: it is an earlier version, or not Tarifa."
        end(Exit.MISSING, sentence, "no_events")
    if not watch.vitals_count:
        end(Exit.AWAY, watch.away or f"{service.url} sent nothing in that time.")


async def _run(watch: _Watch, service: Service, screen: Screen, for_s: float | None) -> None:
    try:
        async with asyncio.timeout(for_s):
            await watch.run(service, screen)
    except TimeoutError:
        pass  # the time given by --for
