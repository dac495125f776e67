"""How a command line is read: each word by one function, and a wrong one refused with a sentence and status 2."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

import orjson

T = TypeVar("T")


def argument(read: Callable[[str], T], sentence: str = "") -> Callable[[str], T]:
    """Return ``read`` for argparse; ``sentence`` says how to write it, where the error of ``read`` does not."""

    def read_argument(text: str) -> T:
        try:
            return read(text)
        except (ValueError, OverflowError) as error:
            raise argparse.ArgumentTypeError(f"{sentence}, not {text!r}" if sentence else str(error)) from None

    return read_argument


def say_error(slug: str, detail: str) -> None:
    """Print what went wrong as a document, if the operator asked for JSON."""
    if "--json" in sys.argv[1:]:
        print(orjson.dumps({"error": slug, "detail": detail}).decode(), flush=True)  # noqa: T201  # for a script


class CommandLine(argparse.ArgumentParser):
    """Ends the program with 2 where it is wrong; a script that asked for JSON reads why in it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end."""
        say_error("usage", message)
        super().error(message)
