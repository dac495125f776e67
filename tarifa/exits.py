"""How a command ends: an exit code that a script can tell apart, and one sentence for whoever reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NoReturn

import typer

from services.contracts.setting import SettingError


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


def end(code: Exit, sentence: str) -> NoReturn:
    """Say one sentence on stderr and end the command.

    Raises:
        typer.Exit: always.
    """
    say_aside(sentence)
    raise typer.Exit(code)


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
