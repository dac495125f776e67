"""One connection to NATS that comes back by itself and never pretends to be well.

While the connection is away every call fails at once: nothing is buffered to be sent later, behind its caller's back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Self

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from services.access.admittance import NOBODY, Admittance
from services.bus.wire.client import RoutedClient
from services.bus.wire.cluster import UnfitServerError, refuse_unfit
from services.bus.wire.message import Message
from services.bus.wire.message_reader import Receiver
from services.bus.wire.questions import BusAwayError, NobodyAnswersError, Questions
from services.bus.wire.refusals import NotAdmittedError, forbidden_subject, refusal
from services.bus.wire.stuck import Stuck

__all__ = ["Bus", "BusAwayError", "BusDeafError", "NobodyAnswersError", "NotAdmittedError"]

CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.1
PING_INTERVAL_S = 5
CLUSTER_PING_INTERVAL_S = 1  # there is another server to go to, so that one that is frozen is left soon
PINGS_UNANSWERED_MAX = 2
ROUND_TRIP_EVERY_S = 10
ROUND_TRIP_MAX_S = 10
ROUND_TRIP_SUBJECT = "_ROUND_TRIP"  # nobody listens there: "no responders" is the server's own answer
DRAIN_TIMEOUT_S = 5
log = logging.getLogger("tarifa.bus")


class BusDeafError(Exception):
    """The client says that it is connected, yet no round trip succeeds. The process must be started again."""


class Bus:
    """A connection by name; reconnects for ever, and tells its listeners after each time."""

    def __init__(self, replicas: int = 1, admittance: Admittance = NOBODY) -> None:
        self._nc = RoutedClient(admittance)
        self._questions = Questions(self.publish)
        self._stuck = Stuck()
        self.replicas = replicas  # of each stream; with several, one that lags may be what answers
        self._listeners: list[Callable[[], None]] = []
        self._closing = False
        self._refused = asyncio.Event()  # what it came back to is no server for these streams; `watch` says why
        self._error_away = ""
        self._was_admitted = False

    @classmethod
    async def connect(cls, url: str, name: str, *, replicas: int = 1, admittance: Admittance = NOBODY) -> Self:
        """Return a connected bus; waits, and says so in the log, for as long as NATS is not there.

        ``url``: of one server, or of several of one cluster, with commas between them; each is tried in turn.

        Raises:
            NotAdmittedError: NATS is there, and does not let this user in.
        """
        bus = cls(replicas, admittance)
        try:
            await bus._connect(url, name)
        except NotAdmittedError as error:
            bus._abort()  # it was never connected: closing it would wait in vain
            raise NotAdmittedError(f"NATS at {url} {error}") from None
        return bus

    async def _connect(self, url: str, name: str) -> None:
        await self._nc.connect(
            url.split(","),
            name=name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            max_reconnect_attempts=-1,
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # seconds; a float works
            ping_interval=PING_INTERVAL_S if self.replicas == 1 else min(PING_INTERVAL_S, CLUSTER_PING_INTERVAL_S),
            max_outstanding_pings=PINGS_UNANSWERED_MAX,
            drain_timeout=DRAIN_TIMEOUT_S,
            pending_size=0,  # fail while away rather than send later
            skip_subject_validation=True,  # subjects are made by contracts.subjects
            **self._nc.admitted_by(),
        )
        self._was_admitted = True
        self._questions.inbox = self._nc.new_inbox()
        await self._nc.route(f"{self._questions.inbox}.*", self._questions.answered)

    @property
    def client(self) -> Client:
        """The client itself, for this package only."""
        return self._nc

    @property
    def is_connected(self) -> bool:
        """Whether the client believes to be connected; only a round trip knows."""
        return self._nc.is_connected

    @property
    def generation(self) -> int:
        """How often the connection has been made anew; what was read in another generation may be out of date."""
        return self._nc.stats["reconnects"]

    @property
    def server_id(self) -> str:
        """Which process of nats-server it is connected to, or was last: each has an id of its own."""
        return str(self._nc._server_info.get("server_id", ""))  # noqa: SLF001  # the client does not show it

    def check_server(self) -> None:
        """Make sure that the server connected to may hold the streams.

        Raises:
            UnfitServerError: it may not.
        """
        refuse_unfit(self._nc._server_info, self.replicas)  # noqa: SLF001  # the client shows the version, and no more of it

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Have ``call`` called after every reconnect."""
        self._listeners.append(call)

    def led(self, *, answered: bool) -> None:
        """Note whether what needs a leader was answered; where nothing is for long, go to another server, if one is."""
        if answered:
            self._stuck.answered()
        elif self.replicas > 1 and self._nc.is_connected and self._stuck.failed(asyncio.get_running_loop().time()):
            log.warning("bus.server_stuck", extra={"server": self.server_id})
            self._abort()

    def publish(
        self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None, within_s: float = 0
    ) -> None:
        """Send without an answer; ``within_s`` it may wait for others, to leave in one write with them.

        Raises:
            BusAwayError: not connected; nothing was sent.
        """
        if not self._nc.is_connected:
            raise BusAwayError("not connected")
        if len(data) > self._nc.max_payload:
            raise BusAwayError(f"{len(data)} bytes; the server takes {self._nc.max_payload}")
        self._nc.send(subject, data, reply, headers, within_s)

    def hurry(self) -> None:
        """Send now what waits for company."""
        self._nc.depart()

    async def request(
        self,
        subject: str,
        data: bytes,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        within_s: float = 0,
    ) -> Message:
        """Send and return the answer; ``within_s`` as of publish.

        Raises:
            BusAwayError: not connected, nobody answers that subject, no answer in time, or the connection ended before.
        """
        return await self._questions.ask(subject, data, timeout_s, headers=headers, within_s=within_s)

    async def request_many(self, subject: str, data: bytes, timeout_s: float) -> tuple[list[Message], Message]:
        """Send; return the messages of the answer, and the one that ends them: the first with a status.

        Raises:
            BusAwayError: as of request; what came before is forgotten, for without its end it may be a part.
        """
        return await self._questions.ask_many(subject, data, timeout_s)

    async def subscribe(self, subject: str, receive: Receiver) -> Subscription:
        """Have ``receive`` called for each message, one after another; it must not block.

        Raises:
            BusAwayError: the connection is closed for good.
        """
        try:
            return await self._nc.route(subject, receive)
        except NatsError as error:
            raise BusAwayError(repr(error)) from error

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End it; that the server is not there to be told is no matter, it has forgotten by itself."""
        try:
            await subscription.unsubscribe()
        except NatsError as error:
            log.info("bus.not_unsubscribed", extra={"error": repr(error)})

    async def listen(self, subject: str, call: Callable[[bytes], None]) -> None:
        """Have ``call`` called with the data of each message of a core subject; it must not block."""
        await self.subscribe(subject, lambda message: call(message.data))

    async def round_trip(self, timeout_s: float) -> None:
        """Make sure that the server answers.

        Raises:
            BusAwayError: it does not.
        """
        # Not the client's rtt(): where that times out or is cancelled, a pong that still comes ends the read loop.
        with contextlib.suppress(NobodyAnswersError):
            await self.request(ROUND_TRIP_SUBJECT, b"", timeout_s)

    async def watch(self) -> None:
        """Run for ever beside the service.

        Raises:
            BusDeafError: connected without a working round trip, twice in a row; or the client has given up, as it
                does when the server sends a protocol error.
            UnfitServerError: at once after a reconnect to a server that may not hold the streams.
        """
        failures = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_TRIP_EVERY_S):
                    await self._refused.wait()
                self.check_server()
            if not self._nc.is_connected:
                failures = 0
                if self._nc.is_closed and not self._closing:
                    raise BusDeafError("the client has closed the connection and will not reconnect")
                continue
            try:
                await self.round_trip(ROUND_TRIP_MAX_S)
                failures = 0
            except BusAwayError:
                failures = failures + 1 if self._nc.is_connected else 0
            if failures > 1:
                raise BusDeafError("connected, but NATS does not answer a ping")

    async def close(self) -> None:
        """Send what is waiting, then close. Never raises: at the end there is nobody left to tell."""
        self._closing = True
        try:
            self._nc.depart()
            if self._nc.is_connected:
                await self._nc.flush(DRAIN_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 (the client lets through whatever its loop says of a dead connection)
            log.warning("bus.flush_failed", extra={"error": repr(error)})
        try:
            # While away, with a subscription still to be told of, it writes to the connection that has ended.
            await asyncio.wait_for(self._nc.close(), DRAIN_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 (as above: a RuntimeError under uvloop)
            log.warning("bus.close_failed", extra={"error": repr(error)})
            self._abort()

    def _abort(self) -> None:
        # A frozen server takes nothing more, and a socket with something left to send never closes by itself. Then the
        # client goes to the next server that it knows, as after any end of a connection.
        writer = getattr(self._nc._transport, "_io_writer", None)  # noqa: SLF001  # the client has no way to say this
        if writer is not None:
            with contextlib.suppress(Exception):
                writer.transport.abort()

    async def _on_error(self, error: Exception) -> None:
        # An exception from here would end the client's read loop; logging is all that is safe, once it reads.
        why = refusal(error)
        if why is not None and not self._was_admitted:
            raise NotAdmittedError(why)
        if (subject := forbidden_subject(error)) is not None:
            log.error("bus.not_allowed", extra={"error": str(error)})
            self._questions.refused(subject)
            return
        # While away the client tries ten times a second; the same failure is said once.
        text = repr(error)
        if self._nc.is_connected or text != self._error_away:
            log.log(logging.WARNING if why is None else logging.ERROR, "bus.error", extra={"error": why or text})
        self._error_away = "" if self._nc.is_connected else text

    async def _on_disconnected(self) -> None:
        # Closing is no event that an operator acts on.
        log.log(logging.DEBUG if self._closing else logging.WARNING, "bus.disconnected")
        self._nc.depart()  # nowhere: nothing is sent later, behind its caller's back
        self._questions.give_up(
            "the connection ended before the answer"
        )  # whoever was asked answers another, if at all

    async def _on_reconnected(self) -> None:
        log.warning("bus.reconnected")
        try:
            self.check_server()
        except UnfitServerError:
            self._refused.set()
            return  # nobody is to begin anew here
        self._refused.clear()
        for call in self._listeners:
            try:
                call()
            except Exception:
                log.exception("bus.listener_failed")

    async def _on_closed(self) -> None:
        log.info("bus.closed")
