"""Every message of a stream, once and in order, from a sequence on, as long as the process runs."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from nats.aio.subscription import Subscription

from services.bus.jetstream import api
from services.bus.jetstream.leader_position import LeaderPosition
from services.bus.jetstream.pull_requests import CLUSTER_CHECK_EVERY_S, CLUSTER_HEARTBEAT_S, PullRequests
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.work_queue import Delivery, ack_numbers, delivery_of
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from services.log_throttle import FailureLog

BATCH = 500
OPEN_AGAIN_AFTER_S = 0.5
CHECK_EVERY_S = 1.0
HEARTBEAT_S = 1.0  # a service that answers from what it read must notice soon that no more comes
CONSUMER_IDLE_MAX_S = 60

log = logging.getLogger("tarifa.bus")


class StreamWentBackError(Exception):
    """The stream is gone, or ends before what was read of it, and will give those sequences to other messages.

    Whatever was derived from them is wrong now; start again from the beginning.
    """


@dataclass(slots=True)
class _Opening:
    """One consumer created for this follower, and how far it has come."""

    consumer: str
    pulls: PullRequests
    behind: int  # how many messages it had to deliver when it was created, minus those applied
    consumer_seq: int = 0


class Follower:
    """Reads ``subject`` of ``stream`` into ``apply``, in the order of the stream, without gaps.

    After a reconnect, a deleted or silent consumer, or a message out of order it begins again after the last message
    applied, and is not caught up until then. Where the stream has replicas, the one that is read may lag or be cut off
    from the others: then it is caught up only as far as the leader says (``LeaderPosition``). ``apply`` must not block;
    an exception from it is a bug and ends ``run``.
    """

    def __init__(self, bus: Bus, stream: str, subject: str, apply: Callable[[Delivery], None]) -> None:
        self._bus = bus
        self._stream = stream
        self._subject = subject
        self._apply = apply
        self._again = asyncio.Event()
        self._failed: Exception | None = None
        self._caught_up = asyncio.Event()
        self._reconnects = -1
        self._leader_position = None if bus.replicas == 1 else LeaderPosition(bus, stream, subject)
        self.applied_seq = 0
        bus.on_reconnect(self._again.set)

    @property
    def is_caught_up(self) -> bool:
        """Whether all that was stored when the last opening began is applied; False after a reconnect."""
        return self._caught_up.is_set() and not self._again.is_set() and self._reconnects == self._bus.reconnects

    async def caught_up(self) -> None:
        """Wait until all that was stored when the last opening began is applied."""
        await self._caught_up.wait()

    async def run(self) -> None:
        """Follow until cancelled.

        Raises:
            StreamWentBackError: the stream no longer holds what was applied.
            Exception: what ``apply`` raised.
        """
        not_open = FailureLog(log, "follow.not_open")
        while True:
            self._again.clear()
            self._caught_up.clear()
            try:
                opening = await self._open()
                subscription = await self._subscribe(opening)
            except (BusUnavailableError, api.ApiError) as error:
                not_open.failed(str(error), stream=self._stream)
                await asyncio.sleep(OPEN_AGAIN_AFTER_S)
                continue
            not_open.succeeded()
            comparing = asyncio.create_task(self._compare_with_leader())
            try:
                await self._until_again(opening)
            finally:
                comparing.cancel()
                await self._bus.unsubscribe(subscription)
            if self._failed is not None:
                raise self._failed
            if opening.pulls.is_silent:
                log.warning("follow.silent", extra={"stream": self._stream, "after": self.applied_seq})
            if opening.pulls.consumer_gone:
                log.warning("follow.consumer_gone", extra={"stream": self._stream, "after": self.applied_seq})
                await asyncio.sleep(OPEN_AGAIN_AFTER_S)

    async def _open(self) -> _Opening:
        self._reconnects = self._bus.reconnects
        try:
            last_seq = (await stream_state(self._bus, self._stream)).last_seq
        except api.ApiError as error:
            if self.applied_seq and error.code in api.NOT_FOUND:
                raise StreamWentBackError(f"{self._stream} is gone, and was read up to {self.applied_seq}") from error
            raise
        if last_seq < self.applied_seq:
            raise StreamWentBackError(f"{self._stream} ends at {last_seq}, but {self.applied_seq} was read")
        if self._leader_position is not None:
            await self._leader_position.begin()
        name = self._bus.client.new_inbox().rpartition(".")[2]
        created = await api.call(
            self._bus,
            f"CONSUMER.CREATE.{self._stream}.{name}",
            {
                "stream_name": self._stream,
                "config": {
                    "name": name,
                    "deliver_policy": "by_start_sequence",
                    "opt_start_seq": self.applied_seq + 1,
                    "ack_policy": "none",
                    "replay_policy": "instant",
                    "filter_subject": self._subject,
                    "mem_storage": True,
                    "inactive_threshold": CONSUMER_IDLE_MAX_S * 1_000_000_000,
                },
            },
            # In a cluster without a leader this gets no answer; a consumer that is created late expires unused.
            api.API_TIMEOUT_S if self._leader_position is None else api.CLUSTER_CREATE_TIMEOUT_S,
        )
        heartbeat_s = HEARTBEAT_S if self._leader_position is None else CLUSTER_HEARTBEAT_S
        pulls = PullRequests(self._bus, self._stream, name, self._bus.client.new_inbox(), heartbeat_s=heartbeat_s)
        # Not by the stream's last sequence: a message of another subject, or a purged one, never comes.
        opening = _Opening(name, pulls, behind=int(created["num_pending"]))
        self._check_caught_up(opening)
        return opening

    async def _subscribe(self, opening: _Opening) -> Subscription:
        def on_message(message: Message) -> None:
            if self._again.is_set():
                return  # for an opening that has ended
            if not opening.pulls.is_status(message):
                self._take(message, opening)
            self._top_up(opening.pulls)

        subscription = await self._bus.subscribe(f"{opening.pulls.inbox}.>", on_message)
        self._top_up(opening.pulls)
        return subscription

    def _take(self, message: Message, opening: _Opening) -> None:
        if ack_numbers(message).consumer_seq != opening.consumer_seq + 1:
            log.warning("follow.gap", extra={"stream": self._stream, "after": self.applied_seq})
            self._again.set()
            return
        delivery = delivery_of(message)
        opening.consumer_seq += 1
        if delivery.seq <= self.applied_seq:
            return  # on a replica that ends before what was applied, the consumer begins at its end
        try:
            self._apply(delivery)
        except Exception as error:  # noqa: BLE001  # run() raises it: here the client would swallow it
            self._failed = error
            self._again.set()
            return
        self.applied_seq = delivery.seq
        opening.behind = min(opening.behind - 1, delivery.pending)  # pending is less if some were purged meanwhile
        self._check_caught_up(opening)

    def _check_caught_up(self, opening: _Opening) -> None:
        if (
            opening.behind <= 0
            if self._leader_position is None
            else self.applied_seq >= self._leader_position.required_seq
        ):
            self._caught_up.set()

    def _top_up(self, pulls: PullRequests) -> None:
        if pulls.consumer_gone or pulls.is_silent:
            self._again.set()
        elif pulls.outstanding <= BATCH // 2:
            try:
                pulls.ask(BATCH)
            except BusUnavailableError:
                log.debug("follow.away", extra={"stream": self._stream})  # the reconnect opens it again

    async def _compare_with_leader(self) -> None:
        while self._leader_position is not None:
            if await self._leader_position.ask() and self.applied_seq >= self._leader_position.required_seq:
                self._caught_up.set()
            else:
                self._caught_up.clear()

    async def _until_again(self, opening: _Opening) -> None:
        check_every_s = CHECK_EVERY_S if self._leader_position is None else CLUSTER_CHECK_EVERY_S
        while True:
            try:
                async with asyncio.timeout(check_every_s):
                    await self._again.wait()
            except TimeoutError:
                opening.pulls.forget_if_overdue()
                self._top_up(opening.pulls)
                await self._check_pending(opening)
                continue
            return

    async def _check_pending(self, opening: _Opening) -> None:
        # A purge may have removed the messages that were awaited; then no delivery will ever show that.
        if self._caught_up.is_set() or self._leader_position is not None:
            return
        try:
            consumer = await api.call(self._bus, f"CONSUMER.INFO.{self._stream}.{opening.consumer}")
        except (BusUnavailableError, api.ApiError) as error:
            log.debug("follow.not_looked", extra={"stream": self._stream, "error": str(error)})
            return
        if consumer["num_pending"] == 0 and consumer["delivered"]["consumer_seq"] == opening.consumer_seq:
            opening.behind = 0
            self._check_caught_up(opening)
