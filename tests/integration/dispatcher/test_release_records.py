"""What a release asks of other dispatchers, and what it writes, over a real bus."""

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from services.bus.jetstream import api
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from services.contracts import holding, subjects
from services.contracts.assignments import AssignmentReleased
from services.contracts.holding import Holding
from services.dispatcher.adapters.release_records import ReleaseRecords
from services.dispatcher.core.releasing import NotStoredError
from tests.nats_server import NatsServer
from tests.unit.dispatcher.fakes import NOON

ID = str(uuid4())
OWNER, OTHER = "dispatcher-1/owner", "dispatcher-2/other"
BY_LOG = Holding(ID, "default", 4, OWNER, 0, in_doubt=False, by=OTHER)
LATE_S = 0.2  # after those that know of it by the log alone


def records(bus: Bus, *gone: str) -> ReleaseRecords:
    """Return the records; these processes are gone."""
    return ReleaseRecords(bus, lambda owner: owner in gone)


async def answer(bus: Bus, known: Holding | bytes, after_s: float = 0.0) -> None:
    """Have a dispatcher answer each request."""
    data = known if isinstance(known, bytes) else holding.encode(known)

    async def later(reply: str) -> None:
        await asyncio.sleep(after_s)
        bus.publish(reply, data)

    tasks: set[asyncio.Task[None]] = set()

    def on_request(message: Message) -> None:
        tasks.add(asyncio.ensure_future(later(message.reply)))

    await bus.subscribe(subjects.DISPATCHER_PAYMENT, on_request)


@pytest.mark.parametrize("in_doubt", [False, True])
async def test_the_answer_of_the_one_that_has_it_first_hand_counts_however_late(bus: Bus, *, in_doubt: bool) -> None:
    """One that is busy for a while must not lose to others, which do not know the outcomes."""
    await answer(bus, BY_LOG)
    await answer(bus, b"nonsense")
    await answer(bus, replace(BY_LOG, in_hand=True, in_doubt=in_doubt, by=OWNER), LATE_S)
    assert await records(bus).is_in_doubt(ID, OWNER) is in_doubt


async def test_what_it_has_no_longer_in_hand_is_in_doubt(bus: Bus) -> None:
    """It has forgotten the outcomes."""
    await answer(bus, replace(BY_LOG, by=OWNER))
    assert await records(bus).is_in_doubt(ID, OWNER) is True


async def test_without_its_answer_it_is_not_known_unless_it_is_gone(bus: Bus) -> None:
    """The answers of others say nothing about its calls."""
    await answer(bus, BY_LOG)
    assert await records(bus).is_in_doubt(ID, OWNER) is None
    assert await records(bus, OWNER).is_in_doubt(ID, OWNER) is True


@pytest.mark.usefixtures("streams")
async def test_whether_a_line_is_stored_is_unknown_only_without_an_answer(bus: Bus, nats_server: NatsServer) -> None:
    """A full log has certainly not stored it."""
    line = AssignmentReleased(ID, 1, 4, "fallback", "", NOON)
    assert await records(bus).write_line(line) == 1
    config = (await api.call(bus, f"STREAM.INFO.{subjects.ASSIGNMENTS}"))["config"]
    await api.call(bus, f"STREAM.UPDATE.{subjects.ASSIGNMENTS}", config | {"max_msgs": 1})
    with pytest.raises(NotStoredError, match="could not be written to ASSIGNMENTS: maximum messages exceeded"):
        await records(bus).write_line(line)
    nats_server.stop()
    with pytest.raises(BusUnavailableError, match="not known whether"):
        await records(bus).write_line(line)
