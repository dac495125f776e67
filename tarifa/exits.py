"""How a command ends: an exit code that a script can tell apart, and one sentence for whoever reads."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NoReturn

import typer

from services.settings.environment import SettingError
from tarifa.client.documents import json_text


class Exit(IntEnum):
    """Exit codes. 1 is not among them: Python itself ends so when a program has a bug."""

    DONE = 0
    USAGE = 2
    REFUSED = 3  # by a processor, for good
    REJECTED = 4  # by the service: the same request would always be
    UNSETTLED = 5  # accepted, and not settled within the time that was given
    AWAY = 6  # nothing there, or it cannot say now
    MISSING = 7  # there is no such payment, or no such thing at this service
    STOPPED = 130  # by Ctrl-C, as shells have it


def end(code: Exit, sentence: str, slug: str | None = None) -> NoReturn:
    """Say one sentence on stderr and end the command; whoever asked for JSON gets it as a document on stdout too.

    ``slug`` is what went wrong in a word, for programs: the service's own, or the name of the exit code.

    Raises:
        typer.Exit: always.
    """
    say_error(code, sentence, slug)
    end_told(code, sentence)


def end_told(code: Exit, sentence: str) -> NoReturn:
    """End a command whose document has been printed and says the same.

    Raises:
        typer.Exit: always.
    """
    say_aside(sentence)
    raise typer.Exit(code)


def say_error(code: Exit, sentence: str, slug: str | None = None) -> None:
    """Print the one document of a command that failed, if its user asked for JSON."""
    # Read where it was written: also what is wrong with another argument must reach a script that reads JSON.
    if "--json" in sys.argv[1:]:
        typer.echo(json_text({"error": slug or code.name.lower(), "detail": sentence}))


def say_aside(sentence: str) -> None:
    """Write a line to stderr, where it disturbs no script that reads stdout."""
    typer.echo(sentence, err=True)


@contextmanager
def readable_arguments() -> Iterator[None]:
    """End the command if what a person wrote cannot be used.

    Raises:
        typer.Exit: a ValueError or a SettingError came out of the block; its sentence was said.
    """
    try:
        yield
    except (ValueError, SettingError) as error:
        end(Exit.USAGE, f"{error}.")
