"""Reading a command line: one function per argument; a wrong one ends with a sentence and status 2."""

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import orjson

T = TypeVar("T")


def argument(read: Callable[[str], T], sentence: str = "") -> Callable[[str], T]:
    """Return ``read`` as a type for argparse; ``sentence`` replaces the error of ``read`` where that is not clear."""

    def read_argument(text: str) -> T:
        try:
            return read(text)
        except (ValueError, OverflowError) as error:
            raise argparse.ArgumentTypeError(f"{sentence}, not {text!r}" if sentence else str(error)) from None

    return read_argument


def say_error(slug: str, detail: str) -> None:
    """Print an error as a JSON document, if the operator asked for JSON."""
    if "--json" in sys.argv[1:]:
        print(orjson.dumps({"error": slug, "detail": detail}).decode(), flush=True)  # noqa: T201  # for a script


class CommandLine(argparse.ArgumentParser):
    """Ends the program with status 2 on wrong usage; where JSON was asked for, the error is printed as JSON too.

    Description and epilog are printed as they are written, at most 80 characters a line.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, **options})

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and exit."""
        say_error("usage", message)
        super().error(message)
