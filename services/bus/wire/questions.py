"""Questions over one connection: each has an inbox of its own for its answer, by a number at the end of the subject."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.bus.wire.message import Message

_NOBODY = "503"

Publish = Callable[[str, bytes, str, Mapping[str, str] | None, float], None]


class BusAwayError(Exception):
    """No answer from NATS in time. Whether the message arrived is not known: repeat only what may be repeated."""


class NobodyAnswersError(BusAwayError):
    """The server's own answer: nobody listens to that subject."""


class NotAllowedError(BusAwayError):
    """The server's own word: this user may not publish there. It did not arrive."""


class _Question(NamedTuple):
    subject: str
    answer: asyncio.Future[Message]


class Questions:
    """Those under way. ``publish`` takes subject, data, where the answer goes, headers, and the time it may wait."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._asked: dict[str, _Question] = {}  # by the last token of the subject for the answer
        self._came: dict[str, list[Message]] = {}  # by the same: what came so far, where several messages may come
        self._asked_count = 0
        self.inbox = ""

    async def ask(
        self,
        subject: str,
        data: bytes,
        timeout_s: float,
        *,
        headers: Mapping[str, str] | None = None,
        within_s: float = 0,
        token: str | None = None,
    ) -> Message:
        """Ask, and return the answer, or the message that ends it; ``token`` is of one that was begun before.

        Raises:
            BusAwayError: not connected, nobody answers that subject, it may not be asked, no answer in time, or the
                connection ended before.
        """
        token = token or self._new_token()
        self._publish(subject, data, f"{self.inbox}.{token}", headers, within_s)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Message] = loop.create_future()
        self._asked[token] = _Question(subject, answer)
        timer = loop.call_later(timeout_s, self._too_late, token, timeout_s)
        try:
            message = await answer
        finally:
            timer.cancel()
            self._asked.pop(token, None)
        if not message.data and message.headers.get("Status") == _NOBODY:
            raise NobodyAnswersError(f"nobody answers {subject}")
        return message

    async def ask_many(self, subject: str, data: bytes, timeout_s: float) -> tuple[list[Message], Message]:
        """Ask; return the messages of the answer, and the one that ends them: the first with a status.

        Raises:
            BusAwayError: as of ``ask``; what came before is forgotten, for without its end it may be a part.
        """
        token = self._new_token()
        came: list[Message] = []
        self._came[token] = came
        try:
            end = await self.ask(subject, data, timeout_s, token=token)
        finally:
            del self._came[token]
        return came, end

    def answered(self, message: Message) -> None:
        """Take a message to the inbox."""
        token = message.subject.rpartition(".")[2]
        came = self._came.get(token)
        if came is not None and "Status" not in message.headers:
            came.append(message)
            return
        asked = self._asked.pop(token, None)
        if asked is not None and not asked.answer.done():
            asked.answer.set_result(message)

    def refused(self, subject: str) -> None:
        """Have all that was asked there fail: the server does not say which it means, and refuses each."""
        for token in [token for token, asked in self._asked.items() if asked.subject == subject]:
            self._fail(token, NotAllowedError(f"this user of NATS may not publish to {subject}"))

    def give_up(self, why: str) -> None:
        """Have all questions fail."""
        for token in tuple(self._asked):
            self._fail(token, BusAwayError(why))

    def _new_token(self) -> str:
        self._asked_count += 1
        return str(self._asked_count)

    def _too_late(self, token: str, timeout_s: float) -> None:
        self._fail(token, BusAwayError(f"no answer within {timeout_s:g} s"))

    def _fail(self, token: str, error: BusAwayError) -> None:
        asked = self._asked.pop(token, None)
        if asked is not None and not asked.answer.done():
            asked.answer.set_exception(error)
