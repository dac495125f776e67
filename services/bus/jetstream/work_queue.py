"""Deliveries of a durable consumer: a bounded pull loop that survives restarts of the server, and the acks.

Each connection gets its own inbox, so that nothing which an earlier connection asked for can arrive before ``prepare``
has run: what ``prepare`` reads is read before the first delivery.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from nats.aio.subscription import Subscription

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.pull_requests import CLUSTER_CHECK_EVERY_S, CLUSTER_HEARTBEAT_S, PullRequests
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from services.log_throttle import FailureLog

PREPARE_AGAIN_AFTER_S = 0.5
EXPIRY_CHECK_EVERY_S = 1.0
HEARTBEAT_S = 5.0
# Acks are written together with other messages, and later: a work queue whose last message is acked begins a new file,
# and one that is acked a little later is seldom empty. What a crash leaves unacked is found settled.
ACK_WITHIN_S = 0.05

_ACK_TOKENS = 9  # $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
_TRACEPARENT = b"\r\ntraceparent:"
_ACK_TOKENS_WITH_DOMAIN = 11  # two more, domain and account, before the stream

log = logging.getLogger("tarifa.bus")


class Delivery(NamedTuple):
    """One message in hand. ``pending``: how many wait behind it. ``handle``: the subject for its ack.

    ``stored_ns``: when the server stored it, in nanoseconds since 1970. ``traceparent``: the stored header.
    """

    seq: int
    num_delivered: int
    pending: int
    data: bytes
    subject: str
    handle: str
    stored_ns: int = 0
    traceparent: str | None = None


def delivery_of(message: Message) -> Delivery:
    """Read a delivery from a message and its ack subject.

    Raises:
        ValueError: it is not a JetStream delivery.
    """
    numbers = ack_numbers(message)
    return Delivery(
        numbers.seq,
        numbers.num_delivered,
        numbers.pending,
        message.data,
        message.subject,
        message.reply,
        numbers.time_ns,
        message.header(_TRACEPARENT),
    )


class AckNumbers(NamedTuple):
    """The numbers in an ack subject, in its order."""

    num_delivered: int
    seq: int
    consumer_seq: int
    time_ns: int
    pending: int


def ack_numbers(message: Message) -> AckNumbers:
    """Return the numbers in a delivery's ack subject.

    Raises:
        ValueError: it is not a JetStream delivery.
    """
    tokens = message.reply.split(".")
    if len(tokens) < _ACK_TOKENS:
        raise ValueError(f"not an ack subject: {message.reply!r}")
    first = 6 if len(tokens) >= _ACK_TOKENS_WITH_DOMAIN else 4
    return AckNumbers(*map(int, tokens[first : first + len(AckNumbers._fields)]))


class WorkQueue:
    """The consumer ``durable`` of ``stream``, for one of any number of workers.

    Args:
        bus: the connection.
        stream: the stream's name.
        durable: the consumer's name.
        ensure: creates the consumer where it is missing, for it may be deleted or lost in a crash at any time; awaited
            in each opening before ``prepare``, and retried like that.
        prepare: awaited after each (re)connect before the first pull; retried after BusUnavailableError or ApiError.
        deliver: called for each message, in order; must not block.
        acks_repeated: how many of the last acks are sent again after a reconnect, because a killed server may have
            forgotten them; it ignores those above what it remembers.
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        durable: str,
        *,
        ensure: Callable[[], Awaitable[None]],
        prepare: Callable[[], Awaitable[None]],
        deliver: Callable[[Delivery], None],
        acks_repeated: int,
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._durable = durable
        self._ensure = ensure
        self._prepare = prepare
        self._deliver = deliver
        self._acked: deque[str] = deque(maxlen=acks_repeated)
        self._pulls: PullRequests | None = None
        self._reconnects = -1
        self._consumer_gone = False
        self._reconnected = asyncio.Event()
        bus.on_reconnect(self._on_reconnect)

    @property
    def outstanding(self) -> int:
        """How many messages were asked for and have not come."""
        return self._pulls.outstanding if self._pulls else 0

    @property
    def is_open(self) -> bool:
        """Whether ``pull`` would reach the server."""
        return self._pulls is not None and self._bus.reconnects == self._reconnects

    async def run(self) -> None:
        """Keep the queue open until cancelled."""
        not_open = FailureLog(log, "work_queue.not_open")
        while True:
            self._reconnected.clear()
            try:
                subscription = await self._open()
            except (BusUnavailableError, ApiError) as error:
                not_open.failed(str(error))
                await asyncio.sleep(PREPARE_AGAIN_AFTER_S)
                continue
            not_open.succeeded()
            try:
                await self._until_reconnect()
            finally:
                self._pulls = None
                await self._bus.unsubscribe(subscription)

    def pull(self, count: int) -> None:
        """Ask for so many messages: those that wait now, or the next one to come.

        Does nothing while NATS is away, or while an earlier request is under way.

        The request is over once they have come, and nothing is ``outstanding`` any more: asking again a little later
        gets what came meanwhile in one write, while one request for many would have each delivered by itself.
        """
        if self._pulls is None or self._pulls.outstanding or not self.is_open:
            return
        try:
            self._pulls.ask(count, only_what_waits=True)
        except BusUnavailableError:
            self._pulls = None  # the reconnect opens it again

    async def ack(self, handle: str) -> None:
        """Remove the message from the queue, soon. An ack that does not arrive is repeated at the next opening."""
        self._acked.append(handle)
        self._send(handle, b"+ACK", ACK_WITHIN_S)

    async def in_progress(self, handle: str) -> None:
        """Restart the delivery's ack_wait."""
        self._send(handle, b"+WPI")

    async def nak(self, handle: str, delay_s: float) -> None:
        """Have the message redelivered, here or elsewhere, after ``delay_s``."""
        self._send(handle, b'-NAK {"delay": %d}' % int(delay_s * 1e9))

    def _send(self, handle: str, word: bytes, within_s: float = 0) -> None:
        if not self.is_open:  # not checked yet: in an older copy of the store its sequence is another message's
            log.debug("work_queue.not_told", extra={"word": word.decode(), "error": "the stream is not open"})
            return
        try:
            self._bus.publish(handle, word, within_s=within_s)
        except BusUnavailableError as error:
            log.debug("work_queue.not_told", extra={"word": word.decode(), "error": str(error)})

    async def _open(self) -> Subscription:
        reconnects = self._bus.reconnects
        await self._ensure()
        if self._consumer_gone:
            log.warning("work_queue.consumer_made_again", extra={"stream": self._stream, "consumer": self._durable})
            self._consumer_gone = False
        await self._prepare()
        for handle in tuple(self._acked):
            self._bus.publish(handle, b"+ACK")
        inbox = self._bus.client.new_inbox()
        heartbeat_s = HEARTBEAT_S if self._bus.replicas == 1 else CLUSTER_HEARTBEAT_S
        pulls = PullRequests(self._bus, self._stream, self._durable, inbox, heartbeat_s=heartbeat_s)

        def on_message(message: Message) -> None:
            if pulls.is_status(message):
                return
            delivery = delivery_of(message)
            if self._bus.reconnects != reconnects:
                # What prepare read belongs to a connection that has ended: a first delivery cannot be recognized now.
                delivery = delivery._replace(num_delivered=max(2, delivery.num_delivered))
            self._deliver(delivery)

        subscription = await self._bus.subscribe(f"{inbox}.>", on_message)
        self._reconnects = reconnects
        self._pulls = pulls
        log.info("work_queue.open")
        return subscription

    async def _until_reconnect(self) -> None:
        check_every_s = EXPIRY_CHECK_EVERY_S if self._bus.replicas == 1 else CLUSTER_CHECK_EVERY_S
        while True:
            try:
                async with asyncio.timeout(check_every_s):
                    await self._reconnected.wait()
            except TimeoutError:
                if self._is_over(self._pulls):
                    return
            else:
                return

    def _is_over(self, pulls: PullRequests | None) -> bool:
        if pulls is None or self._bus.reconnects != self._reconnects:
            return True
        pulls.forget_if_overdue()
        if pulls.is_silent:
            log.warning("work_queue.silent")
        if pulls.consumer_gone:
            log.error("work_queue.consumer_gone")
            self._consumer_gone = True
        return pulls.consumer_gone or pulls.is_silent

    def _on_reconnect(self) -> None:
        self._pulls = None
        self._reconnected.set()
