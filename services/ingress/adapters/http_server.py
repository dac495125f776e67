"""Serving and stopping: every request that was read is answered, also while the service stops."""

import asyncio
import logging
from typing import Any, Self

from sanic import Sanic
from sanic.server.async_server import AsyncioServer

from services.ingress.adapters.connections import Connections
from services.ingress.adapters.listener import BACKLOG, forget, listen_on
from services.ingress.adapters.plain_path import PlainPathProtocol
from services.ingress.core.address import Address

STOP_MAX_S = 5.0
# While stopping, connections without a request stay open for this long: one may be on its way on them.
IDLE_GRACE_S = 0.5
LOOK_EVERY_S = 0.02

log = logging.getLogger("tarifa.ingress")
# Sanic's messages about itself and about each client that hung up are not useful here; its errors are.
logging.getLogger("sanic.root").setLevel(logging.WARNING)
logging.getLogger("sanic.error").setLevel(logging.ERROR)


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
            SettingError: INGRESS_LISTEN cannot be listened on, or another process listens there.
        """
        app.ctx.connections = connections
        listener = listen_on(address, reuse_port=reuse_port)
        server = await app.create_server(sock=listener, backlog=BACKLOG, protocol=PlainPathProtocol)
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
