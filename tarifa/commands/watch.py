"""``tarifa watch``: the system, live."""

import asyncio
import os
import sys
from contextlib import aclosing
from typing import Annotated, assert_never

import typer

from tarifa.client.answers import Away, NoEvents
from tarifa.client.following import Heard, heard
from tarifa.client.service import Service
from tarifa.commands.arguments import key_from_env, length_from_text, url_from_text
from tarifa.commands.options import DEFAULT_URL, AsJson, Url, console
from tarifa.exits import Exit, end, readable_arguments
from tarifa.views.screens import Lines, LiveScreen, Screen

EXAMPLES = """Examples:
  tarifa watch
  tarifa watch --for 10s --json
  tarifa watch | jq .payments

Exit codes: 0 something was heard, 2 wrong usage,
6 service away all the time, 7 it has no /events."""


class _Ears:
    """What has been heard so far."""

    def __init__(self) -> None:
        self.vitals_count = 0
        self.away: str | None = None
        self.is_deaf = False  # there is nothing to hear at all

    async def listen(self, asked: Service, screen: Screen) -> None:
        """Show everything that is heard; for ever, unless there is nothing to hear."""
        async with asked as service, aclosing(heard(service)) as said:
            async for each in said:
                match each:
                    case Heard():
                        self.vitals_count += 1
                        screen.show(each)
                    case Away(sentence):
                        self.away = sentence
                        screen.show(each)
                    case NoEvents():
                        self.is_deaf = True
                    case never:
                        assert_never(never)


def watch_command(
    *,
    length: Annotated[str | None, typer.Option("--for", metavar="TIME", help="End by itself after so long.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Watch the system live, until Ctrl-C: payments, processors, money, services, troubles.

    In a terminal it is a view that stays in place; otherwise, or with --json,
    each document of the service is one line. When the service goes away it
    says so, and it goes on when it is back.
    """
    with readable_arguments():
        for_s = None if length is None else length_from_text("--for", length).total_seconds()
        service = Service(url_from_text(url), key_from_env(os.environ))
    ears = _Ears()
    try:
        screen = Lines(service.url) if as_json or not sys.stdout.isatty() else LiveScreen(service.url, console())
        with screen:
            asyncio.run(_listen(ears, service, screen, for_s))
    except KeyboardInterrupt:
        pass  # as the help says: that is how it ends
    if ears.is_deaf:
        sentence = f"{service.url} has no /events to watch: it is of an earlier version, or not a Tarifa."
        end(Exit.MISSING, sentence, "no_events")
    if not ears.vitals_count:
        end(Exit.AWAY, ears.away or f"{service.url} said nothing in that time.")


async def _listen(ears: _Ears, service: Service, screen: Screen, for_s: float | None) -> None:
    try:
        async with asyncio.timeout(for_s):
            await ears.listen(service, screen)
    except TimeoutError:
        pass  # so long was asked for
