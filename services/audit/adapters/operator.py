"""The operator: shown what is known, and asked twice before anything that cannot be undone.

Where no person can be asked (stdin is not a terminal), only the option with the long name replaces the answers.
"""

import asyncio
import sys

from services.contracts.releasing import CONFIRMED_CHARS

OPTION = "--i-accept-the-risk-of-a-double-charge"


class TerminalDialog:
    """Asks on the terminal; an empty answer, another word or the end of input means no."""

    def show(self, text: str) -> None:
        """Print a text."""
        _say(f"{text}\n")

    async def accepts(self, payment_id: str) -> bool:
        """Ask for yes, then for the end of the id, which cannot be typed by habit or into a wrong window."""
        if await self._answer("Release it anyway? (yes/no) ") != "yes":
            return False
        tail = payment_id[-CONFIRMED_CHARS:]
        return await self._answer(f"Type the last {CONFIRMED_CHARS} characters of the id to release it: ") == tail

    async def _answer(self, question: str) -> str:
        # Not input(): it would block the loop, and a connection whose pings get no answer is closed.
        _say(question)
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(sys.stdin.fileno())
        return sys.stdin.readline().strip().lower()  # once readable, a terminal has a whole line, or the end of input


class OptionDialog:
    """Accepts for an operator who gave the option, refuses for one who did not."""

    def __init__(self, accepted_id: str | None) -> None:
        self._accepted_id = accepted_id

    def show(self, text: str) -> None:
        """Print a text."""
        _say(f"{text}\n")

    async def accepts(self, payment_id: str) -> bool:
        """Return whether the option names exactly this payment."""
        if self._accepted_id is None:
            self.show(f"Nobody can be asked here: stdin is not a terminal. Give {OPTION} {payment_id}")
        return self._accepted_id == payment_id


def _say(text: str) -> None:
    print(text, end="", flush=True)  # noqa: T201  # it is a conversation


def operator(accepted_id: str | None) -> TerminalDialog | OptionDialog:
    """Return the option's answer if it is given, else the person at the terminal, if there is one."""
    return TerminalDialog() if accepted_id is None and sys.stdin.isatty() else OptionDialog(accepted_id)
