"""How a command ends: an exit code for scripts, and a sentence for people."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NoReturn

import typer

from services.settings.environment import SettingError
from tarifa.client.documents import json_text


class Exit(IntEnum):
    """Exit codes. 1 is not used: Python itself exits with it when a program has a bug."""

    DONE = 0
    USAGE = 2
    REFUSED = 3  # by a processor, for good
    REJECTED = 4  # by the service: the same request would always be rejected
    UNSETTLED = 5  # accepted, and not settled within the time that was given
    AWAY = 6  # nothing there, or it cannot answer now
    MISSING = 7  # there is no such payment, or no such thing at this service
    STOPPED = 130  # by Ctrl-C, as in shells


def end(code: Exit, sentence: str, slug: str | None = None) -> NoReturn:
    """Print one sentence on stderr and end the command; with --json, also print it as a document on stdout.

    ``slug`` is the error in a word, for programs: the service's own, or the name of the exit code.

    Raises:
        typer.Exit: always.
    """
    say_error(code, sentence, slug)
    end_reported(code, sentence)


def end_reported(code: Exit, sentence: str) -> NoReturn:
    """End a command that has already printed its document.

    Raises:
        typer.Exit: always.
    """
    say_aside(sentence)
    raise typer.Exit(code)


def say_error(code: Exit, sentence: str, slug: str | None = None) -> None:
    """Print the one document of a command that failed, if JSON was asked for."""
    # From the raw arguments: an error in another argument must also reach a script that reads JSON.
    if "--json" in sys.argv[1:]:
        typer.echo(json_text({"error": slug or code.name.lower(), "detail": sentence}))


def say_aside(sentence: str) -> None:
    """Print a line to stderr, where it does not disturb a script that reads stdout."""
    typer.echo(sentence, err=True)


@contextmanager
def readable_arguments() -> Iterator[None]:
    """End the command if an argument or a setting cannot be used.

    Raises:
        typer.Exit: the block raised a ValueError or a SettingError; its sentence was printed.
    """
    try:
        yield
    except (ValueError, SettingError) as error:
        end(Exit.USAGE, f"{error}.")
