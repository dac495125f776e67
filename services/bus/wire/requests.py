"""Requests over one connection: each has its own reply subject, with a number at the end."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.bus.wire.message import Message

_NO_RESPONDERS = "503"

Publish = Callable[[str, bytes, str, Mapping[str, str] | None, float], None]


class BusUnavailableError(Exception):
    """No answer from NATS in time. Whether the message arrived is not known: repeat only what may be repeated."""


class NoRespondersError(BusUnavailableError):
    """The server answers that the subject has no subscribers."""


class NotAllowedError(BusUnavailableError):
    """The server answers that this user may not publish there. The message did not arrive."""


class _Request(NamedTuple):
    subject: str
    answer: asyncio.Future[Message]


class Requests:
    """Requests under way. ``publish`` takes subject, data, reply subject, headers, and the time it may wait."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._waiting: dict[str, _Request] = {}  # by the last token of the reply subject
        self._parts: dict[str, list[Message]] = {}  # by the same: what came so far, where several messages may come
        self._count = 0
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
        """Send a request, and return the answer, or the message that ends it; ``token``: of one that was begun before.

        Raises:
            BusUnavailableError: not connected, no responders, not allowed, no answer in time, or the connection ended
                before it.
        """
        token = token or self._new_token()
        self._publish(subject, data, f"{self.inbox}.{token}", headers, within_s)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Message] = loop.create_future()
        self._waiting[token] = _Request(subject, answer)
        timer = loop.call_later(timeout_s, self._time_out, token, timeout_s)
        try:
            message = await answer
        finally:
            timer.cancel()
            self._waiting.pop(token, None)
        if not message.data and message.headers.get("Status") == _NO_RESPONDERS:
            raise NoRespondersError(f"no service answers on {subject}")
        return message

    async def ask_many(self, subject: str, data: bytes, timeout_s: float) -> tuple[list[Message], Message]:
        """Send a request; return the messages of the answer, and the one that ends them: the first with a status.

        Raises:
            BusUnavailableError: as for ``ask``; what came before is dropped: without its end it may be incomplete.
        """
        token = self._new_token()
        parts: list[Message] = []
        self._parts[token] = parts
        try:
            end = await self.ask(subject, data, timeout_s, token=token)
        finally:
            del self._parts[token]
        return parts, end

    def on_answer(self, message: Message) -> None:
        """Pass a message of the inbox to its request."""
        token = message.subject.rpartition(".")[2]
        parts = self._parts.get(token)
        if parts is not None and "Status" not in message.headers:
            parts.append(message)
            return
        request = self._waiting.pop(token, None)
        if request is not None and not request.answer.done():
            request.answer.set_result(message)

    def fail_forbidden(self, subject: str) -> None:
        """Fail all requests to a subject: the server does not say which one it refuses, and refuses each."""
        for token in [token for token, request in self._waiting.items() if request.subject == subject]:
            self._fail(token, NotAllowedError(f"this user of NATS may not publish to {subject}"))

    def fail_all(self, why: str) -> None:
        """Fail all requests."""
        for token in tuple(self._waiting):
            self._fail(token, BusUnavailableError(why))

    def _new_token(self) -> str:
        self._count += 1
        return str(self._count)

    def _time_out(self, token: str, timeout_s: float) -> None:
        self._fail(token, BusUnavailableError(f"no answer within {timeout_s:g} s"))

    def _fail(self, token: str, error: BusUnavailableError) -> None:
        request = self._waiting.pop(token, None)
        if request is not None and not request.answer.done():
            request.answer.set_exception(error)
