"""Every message of a stream, once and in order, from a sequence on, for as long as the process lives."""

import asyncio
import logging
from collections.abc import Callable

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from services.bus import api
from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import stream_state
from services.bus.pulls import Pulls
from services.bus.work_queue import Delivery, delivery_of

BATCH = 500
OPEN_AGAIN_AFTER_S = 0.5
CHECK_EVERY_S = 1.0
CONSUMER_IDLE_MAX_S = 60

log = logging.getLogger("tarifa.bus")


class Follower:
    """Reads ``subject`` of ``stream`` into ``apply``, in the order of the stream, without gaps.

    A reconnect, a deleted consumer or a message out of order has it begin again after the last one applied.
    ``apply`` must not block; an exception from it is a bug and ends ``run``.
    """

    def __init__(self, bus: Bus, stream: str, subject: str, apply: Callable[[Delivery], None]) -> None:
        self._bus = bus
        self._stream = stream
        self._subject = subject
        self._apply = apply
        self._again = asyncio.Event()
        self._failed: Exception | None = None
        self._caught_up = asyncio.Event()
        self._target_seq: int | None = None
        self.applied_seq = 0
        bus.on_reconnect(self._again.set)

    @property
    def is_caught_up(self) -> bool:
        """Whether all that was stored when the last opening began has been applied."""
        return self._caught_up.is_set()

    async def caught_up(self) -> None:
        """Wait until all that was stored when the last opening began has been applied."""
        await self._caught_up.wait()

    async def run(self) -> None:
        """Follow until cancelled.

        Raises:
            Exception: what ``apply`` raised.
        """
        while True:
            self._again.clear()
            self._caught_up.clear()
            try:
                subscription = await self._open()
            except (BusAwayError, api.ApiError, NatsError) as error:
                log.warning("follow.not_open", extra={"stream": self._stream, "error": str(error)})
                await asyncio.sleep(OPEN_AGAIN_AFTER_S)
                continue
            try:
                await self._until_again()
            finally:
                await self._close(subscription)
            if self._failed is not None:
                raise self._failed

    async def _open(self) -> Subscription:
        self._target_seq = (await stream_state(self._bus, self._stream)).last_seq
        self._check_caught_up()
        name = self._bus.client.new_inbox().rpartition(".")[2]
        await api.call(
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
        )
        inbox = self._bus.client.new_inbox()
        pulls = Pulls(self._bus, self._stream, name, inbox)
        expected = 1

        async def on_message(message: Msg) -> None:
            nonlocal expected
            if self._again.is_set():
                return  # of an opening that has ended
            if not pulls.is_status(message):
                if _consumer_seq(message) != expected:
                    log.warning("follow.gap", extra={"stream": self._stream, "after": self.applied_seq})
                    self._again.set()
                    return
                expected += 1
                self._take(delivery_of(message))
            await self._top_up(pulls)

        subscription = await self._bus.subscribe(f"{inbox}.*", on_message)
        self._pulls = pulls
        await self._top_up(pulls)
        return subscription

    def _take(self, delivery: Delivery) -> None:
        try:
            self._apply(delivery)
        except Exception as error:  # noqa: BLE001  # handed to run(), which raises it: here the client would eat it
            self._failed = error
            self._again.set()
            return
        self.applied_seq = delivery.seq
        self._check_caught_up()

    def _check_caught_up(self) -> None:
        if self._target_seq is not None and self.applied_seq >= self._target_seq:
            self._caught_up.set()

    async def _top_up(self, pulls: Pulls) -> None:
        if pulls.consumer_gone:
            self._again.set()
        elif pulls.outstanding <= BATCH // 2:
            try:
                await pulls.ask(BATCH)
            except BusAwayError:
                log.info("follow.away", extra={"stream": self._stream})  # the reconnect opens anew

    async def _until_again(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._again.wait(), CHECK_EVERY_S)
            except TimeoutError:
                self._pulls.forget_if_expired()
                await self._top_up(self._pulls)
                continue
            return

    async def _close(self, subscription: Subscription) -> None:
        try:
            await subscription.unsubscribe()
        except NatsError as error:
            log.info("follow.not_unsubscribed", extra={"error": repr(error)})


def _consumer_seq(message: Msg) -> int:
    return int(message.reply.split(".")[-3])
