"""nats-py's client with cheaper hot paths: fewer turns of the event loop and fewer writes, which a message costs most.

nats-py connects, reconnects, subscribes and serves; only what comes a thousand times a second is handled here. A
message of a routed subscription goes to its receiver as it comes in (``message_reader``), without a queue or a task in
between, and its headers are parsed only when asked for. What is sent within one turn of the loop is written at once,
and what may wait is written together with more: each write wakes the server, which costs both more than the message.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nats.aio.client import Client, Srv
from nats.aio.subscription import Subscription

from services.access.bus_credentials import BusCredentials
from services.bus.wire.message_reader import MessageReader, Receiver
from services.bus.wire.refusals import NoTlsError
from services.names import addresses

DEFAULT_PORT = 4222
_SUBSCRIPTION_QUEUE_MAX = 1  # never filled: its messages are routed

log = logging.getLogger("tarifa.bus")


class RoutedClient(Client):
    """nats-py's client with receivers that are called directly."""

    def __init__(self, credentials: BusCredentials) -> None:
        super().__init__()
        self._credentials = credentials
        self._receivers: dict[int, Receiver] = {}
        self._unsent: list[bytes] = []
        self._write_at_s = 0.0  # when what is unsent is written at the latest
        self._writing: asyncio.Handle | None = None

    def connect_options(self) -> dict[str, Any]:
        """Return the options of ``connect`` for user and server, with an inbox where no other user may subscribe."""
        key, tls = self._credentials.key, self._credentials.tls
        options: dict[str, Any] = {} if tls is None else {"tls": tls}
        if key is not None:
            # The client has no option for a key that it does not read from a file itself.
            self._public_nkey = key.public
            options |= {"signature_cb": key.sign, "inbox_prefix": key.inbox}
        return options

    async def route(self, subject: str, receive: Receiver) -> Subscription:
        """Subscribe; ``receive`` is called for each message in order, as it comes in, and must not block.

        Raises:
            nats.errors.Error: the connection is closed.
        """
        number = self._sid + 1  # what subscribe() will take; known here before anything can arrive
        self._receivers[number] = receive
        try:
            return await self.subscribe(subject, pending_msgs_limit=_SUBSCRIPTION_QUEUE_MAX)
        except BaseException:
            self._receivers.pop(number)
            raise

    def send(
        self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None, within_s: float = 0
    ) -> None:
        """Send a message after all that was sent before: at the end of this turn of the loop, or ``within_s``.

        ``headers`` and subjects come from this code: they are not checked for line ends.
        """
        if headers is None:
            command = b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply.encode(), len(data), data)
        else:
            lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
            head = b"NATS/1.0\r\n%b\r\n" % lines.encode()
            length = len(head)
            command = b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
                *(subject.encode(), reply.encode(), length, length + len(data)),
                *(head, data),
            )
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += len(data)
        self._unsent.append(command)
        loop = asyncio.get_running_loop()
        write_at_s = loop.time() + within_s if within_s else 0.0
        if self._writing is not None:
            if write_at_s >= self._write_at_s:
                return
            self._writing.cancel()
        self._write_at_s = write_at_s
        self._writing = loop.call_at(write_at_s, self.write_unsent) if within_s else loop.call_soon(self.write_unsent)

    def write_unsent(self) -> None:
        """Write what is unsent, or drop it if the connection has ended since."""
        commands, self._unsent = self._unsent, []
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        if not commands or not self.is_connected or self._transport is None:
            return
        written = b"".join(commands)
        if self._pending:  # a SUB on which this may depend waits for the flusher
            self._pending.append(written)
            self._pending_data_size += len(written)
            return
        try:
            self._transport.write(written)
        except RuntimeError as error:
            # uvloop raises it for a connection that has ended, which the client notices in a moment.
            log.debug("bus.not_written", extra={"error": str(error)})

    @property
    def server_info(self) -> dict[str, Any]:
        """What the server, or the last one, reported about itself; empty before the first connection."""
        return self._server_info

    def abort(self) -> None:
        """End the connection, also where something is left to send, which a frozen server never reads.

        The client then goes to the next server that it knows, as after any end of a connection.
        """
        writer = getattr(self._transport, "_io_writer", None)  # the client has no API for this
        if writer is not None:
            with contextlib.suppress(Exception):
                writer.transport.abort()

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._receivers.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    async def _connect_to_server(self, s: Srv) -> None:
        # The name is looked up here, so that the look-up can be cancelled; the client keeps the name, for TLS.
        port = s.uri.port or DEFAULT_PORT
        async with asyncio.timeout(self.options["connect_timeout"]):
            found = await addresses(s.uri.hostname or "", port)
        failed: Exception = OSError(f"{s.uri.hostname} has no address")
        for address in found:
            host = f"[{address}]" if ":" in address else address
            try:
                await super()._connect_to_server(replace(s, uri=s.uri._replace(netloc=f"{host}:{port}")))
            except (OSError, TimeoutError) as error:
                failed = error
            else:
                return
        raise failed

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002  # the client's
        # By itself the client would continue without TLS with any server that does not require it.
        if initial_connection and self._credentials.tls is not None and not info.get("tls_required"):
            raise NoTlsError
        await super()._process_info(info, initial_connection)

    async def _attempt_reconnect(self) -> None:
        # By itself the client waits until the old connection has taken all that was written to it, which never happens
        # with a frozen server, and later sends what is still pending, when its caller no longer expects that.
        self.abort()
        self._pending = []
        self._pending_data_size = 0
        await super()._attempt_reconnect()

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:
            # The client does not close a connection that fails here, as where the server does not know the user.
            self.abort()
            raise
        # The client has no API for this; its own code puts TLS there in the same way.
        transport = self._transport._io_writer.transport  # type: ignore[union-attr]  # noqa: SLF001
        reader = MessageReader(self._receivers, transport.get_protocol(), over_tls="tls" in self.options)
        transport.set_protocol(reader)
