"""One connection to NATS that reconnects by itself and reports failures at once.

While the connection is away every call fails immediately: nothing is buffered to be sent later.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Self

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from services.access.bus_credentials import ANONYMOUS, BusCredentials
from services.bus.wire.client_events import ClientEvents
from services.bus.wire.cluster import refuse_unfit
from services.bus.wire.leader_contact import LeaderContact
from services.bus.wire.message import Message
from services.bus.wire.message_reader import Receiver
from services.bus.wire.refusals import NotAdmittedError
from services.bus.wire.requests import BusUnavailableError, NoRespondersError, Requests
from services.bus.wire.routed_client import RoutedClient

__all__ = ["Bus", "BusUnavailableError", "BusUnresponsiveError", "NoRespondersError", "NotAdmittedError"]

CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.1
PING_INTERVAL_S = 5
CLUSTER_PING_INTERVAL_S = 1  # there are other servers, so a frozen one is left soon
PINGS_UNANSWERED_MAX = 2
ROUND_TRIP_EVERY_S = 10
ROUND_TRIP_MAX_S = 10
ROUND_TRIP_SUBJECT = "_ROUND_TRIP"  # it has no subscribers: the server itself answers "no responders"
DRAIN_TIMEOUT_S = 5
log = logging.getLogger("tarifa.bus")


class BusUnresponsiveError(Exception):
    """The client reports a connection, but no round trip succeeds. The process must be restarted."""


class Bus:
    """A named connection; it reconnects forever, and calls its listeners each time."""

    def __init__(self, replicas: int = 1, credentials: BusCredentials = ANONYMOUS) -> None:
        self._nc = RoutedClient(credentials)
        self._requests = Requests(self.publish)
        self._leader = LeaderContact()
        self.replicas = replicas  # of each stream; with several, a lagging one may answer
        self._events = ClientEvents(self._nc, self._requests, replicas)

    @classmethod
    async def connect(cls, url: str, name: str, *, replicas: int = 1, credentials: BusCredentials = ANONYMOUS) -> Self:
        """Return a connected bus; as long as NATS is not there it waits, and logs that.

        ``url``: of one server, or of several of one cluster, separated by commas; they are tried in turn.

        Raises:
            NotAdmittedError: NATS is there, and does not admit this user.
        """
        bus = cls(replicas, credentials)
        try:
            await bus._connect(url, name)
        except NotAdmittedError as error:
            bus._nc.abort()  # it was never connected: close() would wait in vain
            raise NotAdmittedError(f"NATS at {url} {error}") from None
        return bus

    async def _connect(self, url: str, name: str) -> None:
        await self._nc.connect(
            url.split(","),
            name=name,
            error_cb=self._events.on_error,
            disconnected_cb=self._events.on_disconnected,
            reconnected_cb=self._events.on_reconnected,
            closed_cb=self._events.on_closed,
            max_reconnect_attempts=-1,
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # seconds; a float works
            ping_interval=PING_INTERVAL_S if self.replicas == 1 else min(PING_INTERVAL_S, CLUSTER_PING_INTERVAL_S),
            max_outstanding_pings=PINGS_UNANSWERED_MAX,
            drain_timeout=DRAIN_TIMEOUT_S,
            pending_size=0,  # fail while away rather than send later
            skip_subject_validation=True,  # contracts.subjects makes the subjects
            **self._nc.connect_options(),
        )
        self._events.was_admitted = True
        self._requests.inbox = self._nc.new_inbox()
        await self._nc.route(f"{self._requests.inbox}.*", self._requests.on_answer)

    @property
    def client(self) -> Client:
        """The client itself, for this package only."""
        return self._nc

    @property
    def is_connected(self) -> bool:
        """Whether the client believes to be connected; only a round trip proves it."""
        return self._nc.is_connected

    @property
    def reconnects(self) -> int:
        """How often it has reconnected; what was read on an earlier connection may be out of date."""
        return self._nc.stats["reconnects"]

    @property
    def server_id(self) -> str:
        """The id of the nats-server process that it is or was last connected to; each process has its own."""
        return str(self._nc.server_info.get("server_id", ""))

    def check_server(self) -> None:
        """Check that the server connected to may hold the streams.

        Raises:
            UnfitServerError: it may not.
        """
        refuse_unfit(self._nc.server_info, self.replicas)

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Call ``call`` after every reconnect."""
        self._events.on_reconnect(call)

    def note_leader(self, *, answered: bool) -> None:
        """Record whether what needs a leader was answered; after long without an answer, go to another server."""
        if answered:
            self._leader.answered()
        elif self.replicas > 1 and self._nc.is_connected and self._leader.failed(asyncio.get_running_loop().time()):
            log.warning("bus.server_stuck", extra={"server": self.server_id})
            self._nc.abort()

    def publish(
        self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None, within_s: float = 0
    ) -> None:
        """Publish a message; for up to ``within_s`` it may wait to be written together with others.

        Raises:
            BusUnavailableError: not connected; nothing was sent.
        """
        if not self._nc.is_connected:
            raise BusUnavailableError("not connected")
        if len(data) > self._nc.max_payload:
            raise BusUnavailableError(f"{len(data)} bytes; the server accepts {self._nc.max_payload}")
        self._nc.send(subject, data, reply, headers, within_s)

    def flush(self) -> None:
        """Write at once what may wait."""
        self._nc.write_unsent()

    async def request(
        self,
        subject: str,
        data: bytes,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        within_s: float = 0,
    ) -> Message:
        """Send and return the answer; ``within_s`` as for publish.

        Raises:
            BusUnavailableError: not connected, no responders, no answer in time, or the connection ended before it.
        """
        return await self._requests.ask(subject, data, timeout_s, headers=headers, within_s=within_s)

    async def request_many(self, subject: str, data: bytes, timeout_s: float) -> tuple[list[Message], Message]:
        """Send; return the messages of the answer, and the one that ends them: the first with a status.

        Raises:
            BusUnavailableError: as for request; what came before is dropped: without its end it may be incomplete.
        """
        return await self._requests.ask_many(subject, data, timeout_s)

    async def subscribe(self, subject: str, receive: Receiver) -> Subscription:
        """Call ``receive`` for each message, one after another; it must not block.

        Raises:
            BusUnavailableError: the connection is closed for good.
        """
        try:
            return await self._nc.route(subject, receive)
        except NatsError as error:
            raise BusUnavailableError(repr(error)) from error

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; while away there is nothing to send, since the server has dropped it by itself."""
        try:
            await subscription.unsubscribe()
        except NatsError as error:
            log.info("bus.not_unsubscribed", extra={"error": repr(error)})

    async def listen(self, subject: str, call: Callable[[bytes], None]) -> None:
        """Call ``call`` with the data of each message of a core subject; it must not block."""
        await self.subscribe(subject, lambda message: call(message.data))

    async def round_trip(self, timeout_s: float) -> None:
        """Check that the server answers.

        Raises:
            BusUnavailableError: it does not.
        """
        # Not the client's rtt(): when that times out or is cancelled, a late pong ends the client's read loop.
        with contextlib.suppress(NoRespondersError):
            await self.request(ROUND_TRIP_SUBJECT, b"", timeout_s)

    async def watch(self) -> None:
        """Run forever beside the service.

        Raises:
            BusUnresponsiveError: connected without a working round trip, twice in a row; or the client has given up,
                as it does after a protocol error.
            UnfitServerError: at once after a reconnect to a server that must not hold the streams.
        """
        failures = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_TRIP_EVERY_S):
                    await self._events.unfit.wait()
                self.check_server()
            if not self._nc.is_connected:
                failures = 0
                if self._nc.is_closed and not self._events.is_closing:
                    raise BusUnresponsiveError("the client has closed the connection and will not reconnect")
                continue
            try:
                await self.round_trip(ROUND_TRIP_MAX_S)
                failures = 0
            except BusUnavailableError:
                failures = failures + 1 if self._nc.is_connected else 0
            if failures > 1:
                raise BusUnresponsiveError("connected, but NATS does not answer a ping")

    async def close(self) -> None:
        """Send what is waiting, then close. Never raises: at the end there is nobody to handle it."""
        self._events.is_closing = True
        try:
            self._nc.write_unsent()
            if self._nc.is_connected:
                await self._nc.flush(DRAIN_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 (the client passes on whatever its loop raises for a dead connection)
            log.warning("bus.flush_failed", extra={"error": repr(error)})
        try:
            # While away, with a subscription still to be sent, it writes to the connection that has ended.
            await asyncio.wait_for(self._nc.close(), DRAIN_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 (as above: a RuntimeError under uvloop)
            log.warning("bus.close_failed", extra={"error": repr(error)})
            self._nc.abort()
