"""The plain path: plain payments are read and answered here on each connection, and all else is passed to Sanic."""

import asyncio
import logging
from asyncio import BaseTransport, Transport
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import cast

from sanic.exceptions import BadRequest
from sanic.http import Http, Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from services.ingress.adapters import http_answers as say
from services.ingress.adapters.strict_request import RequestTooSlowError
from services.ingress.core.plain_payment import PlainPayment, read_plain_payment
from services.ingress.core.request_head import chunk_refused

CHUNK_LINE_BYTES_MAX = 64

log = logging.getLogger("tarifa.ingress")


class _LastAnswerError(Exception):
    """The answer just written announced that the connection closes."""


class _PlainPath(Http):
    """Sanic's connection, which passes it everything but plain payments; those cost a fifth less without it."""

    __slots__ = ("_arrives_by_s",)

    def __init__(self, protocol: "PlainPathProtocol") -> None:
        super().__init__(protocol)  # type: ignore[no-untyped-call]
        self._receive_more = self._receive_what_is_for_sanic

    async def http1(self) -> None:
        try:
            await super().http1()  # type: ignore[no-untyped-call]
        except _LastAnswerError:
            return  # then Sanic closes it

    def init_for_request(self) -> None:
        super().init_for_request()  # type: ignore[no-untyped-call]
        self._arrives_by_s: float | None = None

    async def read(self) -> bytes | None:
        framing: object = self.request_body  # what is still to be read, and how; never the body itself
        if framing == "chunked" and not self.request_bytes_left:
            await self._check_chunk()
        # Not super(): Sanic recompiles this at its start, without the class around it.
        return await Http.read(self)

    async def _check_chunk(self) -> None:
        """Refuse a chunk that others may read differently; Sanic does not check what ends the previous chunk."""
        buffer = self.recv_buffer
        while (end := buffer.find(b"\r\n", 3)) < 0 and len(buffer) <= CHUNK_LINE_BYTES_MAX:
            await self._receive_the_rest()
        if (why := chunk_refused(bytes(buffer if end < 0 else buffer[:end]))) is not None:
            self.keep_alive = False
            raise BadRequest(why)

    async def _receive_the_rest(self) -> None:
        """Wait for more of a request that has begun to arrive: however slowly, all of it must arrive in time."""
        loop = asyncio.get_running_loop()
        if self._arrives_by_s is None:
            self._arrives_by_s = loop.time() + self.protocol.request_timeout
        try:
            async with asyncio.timeout_at(self._arrives_by_s):
                await self.protocol.receive_more()  # type: ignore[no-untyped-call]
        except TimeoutError:
            self.keep_alive = False
            raise RequestTooSlowError(f"the request did not arrive within {self.protocol.request_timeout} s") from None

    async def _receive_what_is_for_sanic(self) -> None:
        protocol = self.protocol
        if not self._is_between_requests():
            await self._receive_the_rest()
            return
        await protocol.receive_more()  # type: ignore[no-untyped-call]
        while self._is_between_requests() and (payment := read_plain_payment(self.recv_buffer)) is not None:
            del self.recv_buffer[: payment.size]
            await self._answer(payment)
            if not self.recv_buffer:
                await protocol.receive_more()  # type: ignore[no-untyped-call]

    async def _answer(self, payment: PlainPayment) -> None:
        self.stage = Stage.HANDLER
        self.exception: Exception | None = None
        app = self.protocol.app
        try:
            answer = app.ctx.deny(payment) or await app.ctx.pay(payment.body)
        except asyncio.CancelledError:
            # The client hung up, or Sanic's RESPONSE_TIMEOUT has passed.
            if self._has_timed_out():
                self._write_now(say.as_bytes(say.no_answer_in_time(), keeps_alive=False))
            raise
        except Exception:
            log.exception("ingress.fault", extra={"method": "POST", "path": "/payments"})
            answer = say.fault()
        keeps_alive = self.keep_alive and app.config.KEEP_ALIVE
        await self._write(say.as_bytes(answer, keeps_alive=keeps_alive))
        self.stage = Stage.IDLE
        if not keeps_alive:
            raise _LastAnswerError

    def create_empty_request(self) -> None:
        # To answer a URL that cannot be parsed Sanic parses it again, and closes without an answer.
        self.url = None
        super().create_empty_request()

    def _is_between_requests(self) -> bool:
        # Sanic is IDLE too while it still drops the body of a request that it has answered, as with 404. That body is
        # not a request.
        return self.stage is Stage.IDLE and self.request_body is None

    async def _write(self, answer: bytes) -> None:
        await self.protocol._can_write.wait()  # noqa: SLF001  # as Sanic's own send does: a client may not read
        self._write_now(answer)

    def _write_now(self, answer: bytes) -> None:
        if self.protocol.transport is not None:
            self.protocol.transport.write(answer)
            self.protocol._time = monotonic()  # noqa: SLF001  # the next request's time begins here

    def _has_timed_out(self) -> bool:
        client = self.protocol.conn_info
        return self.exception is not None and client is not None and not client.lost


class PlainPathProtocol(HttpProtocol):
    """A client's connection as asyncio calls it: Sanic's, if `Connections` admits it."""

    __slots__ = ("_address",)
    HTTP_CLASS = _PlainPath

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin, if one more connection is admitted."""
        self._address: str | None = self.app.ctx.connections.admit(cast("Transport", transport))
        if self._address is not None:
            super().connection_made(transport)  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        """End; there is room for another one."""
        if self._address is not None:
            self.app.ctx.connections.leave(self._address)
            super().connection_lost(exc)  # type: ignore[no-untyped-call]

    @contextmanager
    def answering_later(self, later_s: float) -> Iterator[None]:
        """Allow the answer to the request under way to take that much longer than RESPONSE_TIMEOUT."""
        usual_s = self.response_timeout
        self.response_timeout = usual_s + later_s
        try:
            yield
        finally:
            self.response_timeout = usual_s
            self._time = monotonic()

    def data_received(self, data: bytes) -> None:
        """Continue to read; what a refused client still sends is dropped."""
        if self._address is not None:
            super().data_received(data)
