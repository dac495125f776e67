"""A follower that records what it applied, and a helper that fills its stream."""

import asyncio

from services.bus.jetstream import api
from services.bus.jetstream.follower import Follower
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.work_queue import Delivery
from services.bus.wire.connection import Bus
from tests.nats_server import PATIENCE_S, until

SETTLED = "settlements.settled.>"
ALL = "settlements.>"


async def settle(bus: Bus, number: int, kind: str = "settled") -> None:
    """Store one settlement; repeated until it is in, so there may be more than one of a number."""

    async def is_stored() -> bool:
        return isinstance(await store(bus, "SETTLEMENTS", f"settlements.{kind}.a.{number}", b"x"), StoredAt)

    await until(is_stored, "the settlement to be stored")


async def consumers(bus: Bus) -> list[str]:
    """The names of the stream's consumers."""
    names: list[str] = (await api.call(bus, "CONSUMER.NAMES.SETTLEMENTS"))["consumers"] or []
    return names


class Reader:
    """A follower, and the sequences it applied."""

    def __init__(self, bus: Bus, subject: str = ALL) -> None:
        self.seqs: list[int] = []
        self.follower = Follower(bus, "SETTLEMENTS", subject, self.apply)

    def apply(self, delivery: Delivery) -> None:
        """Take one message."""
        self.seqs.append(delivery.seq)

    async def caught_up(self) -> None:
        """Wait for it."""
        await asyncio.wait_for(self.follower.caught_up(), PATIENCE_S)
        assert self.follower.is_caught_up


async def more_than(bus: Bus, number: int) -> bool:
    """Return whether the stream has more consumers than that."""
    return len(await consumers(bus)) > number
