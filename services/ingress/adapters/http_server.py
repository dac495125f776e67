"""Serving and stopping: whoever sent a request that was read gets its answer, also while the service stops."""

import asyncio
import logging
from asyncio import BaseTransport, Transport
from time import monotonic
from typing import Any, Self, cast

from sanic import Sanic
from sanic.exceptions import BadRequest
from sanic.http import Http, Stage
from sanic.server.async_server import AsyncioServer
from sanic.server.protocols.http_protocol import HttpProtocol

from services.ingress.adapters import http_answers as say
from services.ingress.adapters.connections import Connections
from services.ingress.adapters.listener import BACKLOG, forget, listen_on
from services.ingress.adapters.strict_request import RequestTooSlowError
from services.ingress.core.address import Address
from services.ingress.core.plain_payment import PlainPayment, read_plain_payment
from services.ingress.core.request_head import chunk_refused

STOP_MAX_S = 5.0
# While stopping, connections without a request stay open so long: one may be on its way on them.
IDLE_GRACE_S = 0.5
LOOK_EVERY_S = 0.02
CHUNK_LINE_BYTES_MAX = 64

log = logging.getLogger("tarifa.ingress")
# Sanic's words about itself and about each client that hung up are of no use here; its errors are.
logging.getLogger("sanic.root").setLevel(logging.WARNING)
logging.getLogger("sanic.error").setLevel(logging.ERROR)


class _LastAnswerError(Exception):
    """The answer just written said that the connection closes."""


class _Http(Http):
    """Sanic's connection, which hands it what is no plain payment; those cost a fifth less without it."""

    __slots__ = ("_arrives_by_s",)

    def __init__(self, protocol: "_Protocol") -> None:
        super().__init__(protocol)  # type: ignore[no-untyped-call]
        self._receive_more = self._receive_what_is_for_sanic

    async def http1(self) -> None:
        try:
            await super().http1()  # type: ignore[no-untyped-call]
        except _LastAnswerError:
            return  # and Sanic closes

    def init_for_request(self) -> None:
        super().init_for_request()  # type: ignore[no-untyped-call]
        self._arrives_by_s: float | None = None

    async def read(self) -> bytes | None:
        framing: object = self.request_body  # what is still to be read, and how; never the body itself
        if framing == "chunked" and not self.request_bytes_left:
            await self._check_chunk()
        # Not super(): Sanic compiles this anew at its start, without the class around it.
        return await Http.read(self)

    async def _check_chunk(self) -> None:
        """Refuse a chunk that others may read in another way; Sanic passes over what ends the chunk before."""
        buffer = self.recv_buffer
        while (end := buffer.find(b"\r\n", 3)) < 0 and len(buffer) <= CHUNK_LINE_BYTES_MAX:
            await self._receive_the_rest()
        if (why := chunk_refused(bytes(buffer if end < 0 else buffer[:end]))) is not None:
            self.keep_alive = False
            raise BadRequest(why)

    async def _receive_the_rest(self) -> None:
        """Wait for more of a request that has begun to arrive: however slowly it comes, it must all come in time."""
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
            # The client hung up, or Sanic's RESPONSE_TIMEOUT says so.
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
        # To answer a URL that cannot be parsed Sanic parses it again, and closes without a word.
        self.url = None
        super().create_empty_request()

    def _is_between_requests(self) -> bool:
        # Sanic is IDLE too while it still drops the body of a request that it has answered, as with 404. What that body
        # says is nobody's request.
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


class _Protocol(HttpProtocol):
    __slots__ = ("_address",)
    HTTP_CLASS = _Http

    def connection_made(self, transport: BaseTransport) -> None:
        self._address: str | None = self.app.ctx.connections.admit(cast("Transport", transport))
        if self._address is not None:
            super().connection_made(transport)  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address is not None:
            self.app.ctx.connections.leave(self._address)
            super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def data_received(self, data: bytes) -> None:
        if self._address is not None:
            super().data_received(data)


class HttpServer:
    """One application on one address, in the loop that is already running: no process, signal or log of Sanic's."""

    def __init__(self, app: Sanic[Any, Any], server: AsyncioServer, address: Address) -> None:
        self._app = app
        self._server = server
        self._address = address

    @classmethod
    async def start(cls, app: Sanic[Any, Any], address: Address, connections: Connections, *, reuse_port: bool) -> Self:
        """Return a server that accepts as many connections as ``connections`` admits.

        Raises:
            SettingError: INGRESS_LISTEN cannot be listened on, or somebody does already.
        """
        app.ctx.connections = connections
        listener = listen_on(address, reuse_port=reuse_port)
        server = await app.create_server(sock=listener, backlog=BACKLOG, protocol=_Protocol)
        assert server is not None  # noqa: S101  # for mypy: the return type is wider than what is returned
        await server.startup()  # type: ignore[no-untyped-call]
        return cls(app, server, address)

    async def stop(self) -> None:
        """Accept no more, answer all that was read, close; within STOP_MAX_S."""
        self._have_answers_close()
        forget(self._address)
        await asyncio.sleep(LOOK_EVERY_S)  # accept what is queued: closing the queue would reset it
        self._server.close()  # type: ignore[no-untyped-call]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while self._server.connections and loop.time() - begun < STOP_MAX_S:
            if loop.time() - begun > IDLE_GRACE_S:
                self._close_idle()
            await asyncio.sleep(LOOK_EVERY_S)
        for connection in tuple(self._server.connections):
            log.warning("ingress.connection_aborted")
            connection.abort()

    def _have_answers_close(self) -> None:
        self._app.config.KEEP_ALIVE = False  # read for each request head from now on
        for connection in self._server.connections:
            if connection.http is not None:
                connection.http.keep_alive = False  # for the requests whose head has been read

    def _close_idle(self) -> None:
        for connection in tuple(self._server.connections):
            if not connection.recv_buffer:
                connection.close_if_idle()
