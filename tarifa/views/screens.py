"""The output of a watch: a live view in a terminal, or one JSON document per line for programs."""

from types import TracebackType
from typing import Protocol, Self

import typer
from rich.console import Console
from rich.live import Live

from tarifa.client.answers import UnreachableAnswer
from tarifa.client.documents import VitalsDocument, one_line
from tarifa.client.following import Update
from tarifa.exits import say_aside
from tarifa.views.vitals import away_view, vitals_view


class Screen(Protocol):
    """Shows what is received, inside its with block."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, received: Update | UnreachableAnswer) -> None:
        """Show the newest vitals, or why there are none now."""


class LiveScreen:
    """The newest vitals, redrawn in the same place; the last ones stay when the service goes away."""

    def __init__(self, url: str, console: Console) -> None:
        self._url = url
        self._vitals: VitalsDocument | None = None
        self._live = Live(away_view(url, None), console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, received: Update | UnreachableAnswer) -> None:
        """Draw it."""
        if isinstance(received, Update):
            self._vitals = received.vitals
        away = received.sentence if isinstance(received, UnreachableAnswer) else None
        known = self._vitals
        view = away_view(self._url, away) if known is None else vitals_view(known, self._url, away)
        self._live.update(view, refresh=True)


class Lines:
    """Every document on a line of stdout; the service going away and coming back, once each, on stderr."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._away: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, received: Update | UnreachableAnswer) -> None:
        """Print it."""
        if isinstance(received, UnreachableAnswer):
            if received.sentence != self._away:
                say_aside(f"{received.sentence} Trying again, until Ctrl-C.")
            self._away = received.sentence
            return
        if self._away is not None:
            say_aside(f"{self._url} is back.")
            self._away = None
        typer.echo(one_line(received.text))
