"""A lease: one holder at a time, another one soon after the first has stopped renewing."""

import asyncio
from dataclasses import replace

import pytest
import pytest_asyncio

from services.bus.jetstream.lease import Lease
from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.bus.wire.connection import Bus, BusUnavailableError
from tests.conftest import LIMITS
from tests.integration.bus.conftest import Connect
from tests.nats_server import NatsServer, until

pytestmark = pytest.mark.usefixtures("short_streams")


@pytest_asyncio.fixture
async def short_streams(bus: Bus) -> StreamLimits:
    """Leases that last a second."""
    limits = replace(LIMITS, lease_s=1)
    await ensure_streams(bus, limits)
    return limits


def lease(bus: Bus, me: str, key: str = "default") -> Lease:
    """The same key, for one process."""
    return Lease(bus, "leases", key, me)


async def taken_over(by: Lease) -> None:
    """Wait until it is."""
    await until(by.hold, "the lease")


async def test_one_of_many_holds(bus: Bus, connect: Connect) -> None:
    """Of concurrent attempts one succeeds, and the same one again each time."""
    await ensure_streams(bus, LIMITS)  # long enough that nothing expires here
    leases = [lease(bus, f"p{number}") for number in range(5)] + [lease(await connect(), "p5")]
    for _ in range(3):
        assert sum(await asyncio.gather(*(each.hold() for each in leases))) == 1


async def test_the_holder_is_seen_by_operators(bus: Bus) -> None:
    """Its name is in the bucket."""
    await ensure_streams(bus, LIMITS)
    assert await lease(bus, "host-7").hold()
    found = await last_for(bus, "KV_leases", "$KV.leases.default")
    assert found is not None
    assert found.data == b"host-7"


async def test_each_key_is_a_lease_of_its_own(bus: Bus) -> None:
    """One poller for each processor."""
    assert await lease(bus, "a", "default").hold()
    assert await lease(bus, "b", "fallback").hold()


async def test_renewing_keeps_it(bus: Bus) -> None:
    """Beyond its expiry."""
    await ensure_streams(bus, replace(LIMITS, lease_s=2))
    mine, other = lease(bus, "a"), lease(bus, "b")
    assert await mine.hold()
    ends = asyncio.get_running_loop().time() + 3
    while asyncio.get_running_loop().time() < ends:
        assert await mine.hold()
        assert not await other.hold()
        await asyncio.sleep(0.1)


async def test_it_is_taken_over_after_it_expires_and_the_old_holder_learns(bus: Bus) -> None:
    """A frozen holder believes to hold it until it asks, and then learns."""
    frozen, other = lease(bus, "a"), lease(bus, "b")
    assert await frozen.hold()
    assert not await other.hold()
    await taken_over(other)
    assert not await frozen.hold()


async def test_an_expired_lease_is_held_again_by_its_holder(bus: Bus) -> None:
    """A holder that was late gets it back if nobody took it, at the second attempt at the latest."""
    mine = lease(bus, "a")
    assert await mine.hold()

    async def is_expired() -> bool:
        return await last_for(bus, "KV_leases", "$KV.leases.default") is None

    await until(is_expired, "the expiry")
    await taken_over(mine)


async def test_it_is_not_held_while_nats_is_away(nats_server: NatsServer, bus: Bus) -> None:
    """It is not known, and so it counts as not held."""
    mine, other = lease(bus, "a"), lease(bus, "b")
    assert await mine.hold()
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    assert not await mine.hold()
    with pytest.raises(BusUnavailableError):
        await other.hold()
    nats_server.start()
    await until(lambda: bus.is_connected, "the reconnect")
    await taken_over(other)
