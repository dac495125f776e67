"""The ledger process with snapshots: started from one or from nothing, it answers the same."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.bus.jetstream import api
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentRefused, PaymentSettled
from tests.integration.ledger.ledger_answers import (
    CLEARED,
    PROCESSORS,
    all_answers,
    answers_of_a_full_replay,
    mixed,
    publish_in_order,
    refused,
    snapshot_stored,
    store_junk,
    until_reconnected,
)
from tests.integration.ledger.ledger_process import (
    LedgerProcess,
    publish,
    settled,
    state,
    totals,
    totals_after,
)
from tests.nats_server import NatsServer, until


@pytest_asyncio.fixture
async def seq(bus: Bus, streams: StreamLimits, ledger: LedgerProcess) -> AsyncIterator[int]:
    """The last sequence of settlements of every kind; a ledger stored a snapshot of them all and was killed."""
    await store_junk(bus)
    last = await publish_in_order(bus, mixed(0, 1_500))
    await ledger.start_ready(LEDGER_SNAPSHOT_EVERY="1")
    await snapshot_stored(bus, last)
    ledger.end(signal.SIGKILL)
    yield last


async def test_restarted_from_a_snapshot_it_answers_as_after_a_full_replay(
    bus: Bus, seq: int, ledger: LedgerProcess
) -> None:
    """Totals, counters and each later conflict, also with entries from before the snapshot."""
    await store_junk(bus)
    after = [settled(7, "third", 9), settled(107, "third", 9), settled(12, "fallback"), refused(13), settled(57)]
    await publish_in_order(bus, [*after, *mixed(1_450, 300)])
    await ledger.start_ready()
    [restored] = ledger.logged("ledger.restored")
    assert restored["seq"] == seq
    answers = await all_answers(bus, ledger, seq)
    assert len(answers["conflict lines"]) > len(after)
    assert answers["unreadable"] == 2
    assert answers == await answers_of_a_full_replay(bus, ledger, seq)


async def test_graceful_stop_stores_what_is_new(bus: Bus, streams: StreamLimits, ledger: LedgerProcess) -> None:
    """The next start then has nothing to read."""
    await ledger.start_ready(LEDGER_SNAPSHOT_EVERY="1000")
    last = await publish(bus, [settled(number) for number in range(300)])
    await totals_after(bus, last)
    assert ledger.end(signal.SIGTERM) == 0
    assert len(ledger.logged("ledger.snapshot")) == 1
    ready = await ledger.start_ready()
    assert ledger.logged("ledger.restored")[0]["seq"] == last
    assert (ready["entries"], ready["seq"]) == (300, last)
    assert (await totals(bus))["default"] == (300, 300 * 1990)


async def test_damaged_chunk_means_a_full_replay(bus: Bus, seq: int, ledger: LedgerProcess) -> None:
    """It is logged as an error and counted; the answers are still right, and the next snapshot is whole."""
    found = await api.call(
        bus, f"STREAM.MSG.GET.{subjects.LEDGER_SNAPSHOTS}", {"next_by_subj": "ledger.snapshots.chunk.>", "seq": 1}
    )
    subject = found["message"]["subject"]
    assert isinstance(await store(bus, subjects.LEDGER_SNAPSHOTS, subject, b"x" * 1_000), StoredAt)
    await ledger.start_ready(LEDGER_SNAPSHOT_EVERY="1")
    assert ledger.logged("ledger.snapshot_refused")[0]["level"] == "error"
    assert (await state(bus))["snapshotsRefused"] == 1
    await snapshot_stored(bus, seq)
    answers = await all_answers(bus, ledger, 0)
    ledger.end(signal.SIGKILL)
    await ledger.start_ready()
    assert ledger.logged("ledger.restored")[0]["seq"] == seq
    restored = await all_answers(bus, ledger, 0)
    assert restored.pop("conflict lines") == []
    assert restored == {key: value for key, value in answers.items() if key != "conflict lines"}
    assert answers == await answers_of_a_full_replay(bus, ledger, 0)


async def test_a_settlements_stream_created_again_is_read_from_its_first_message(
    bus: Bus, seq: int, ledger: LedgerProcess, streams: StreamLimits
) -> None:
    """No settlement of the old stream counts, although the new one is longer than the snapshot."""
    await api.call(bus, f"STREAM.DELETE.{subjects.SETTLEMENTS}")
    await ensure_streams(bus, streams)
    last = await publish(bus, [settled(number, cents=1) for number in range(seq + 10)])
    await ledger.start_ready()
    assert len(ledger.logged("ledger.snapshot_refused")) == 1
    assert await totals_after(bus, last) == {"default": (last, last), "fallback": (0, 0)}


async def test_clearing_after_the_snapshot_is_applied(bus: Bus, seq: int, ledger: LedgerProcess) -> None:
    """The snapshot's entries are forgotten as in a replay, and conflict with nothing."""
    last = await publish_in_order(bus, [CLEARED, settled(1, "third", 3), settled(2)])
    await ledger.start_ready()
    assert ledger.logged("ledger.restored")[0]["seq"] == seq
    assert (await totals_after(bus, last))["third"] == (1, 3)
    answers = await all_answers(bus, ledger, seq)
    assert (answers["entries"], answers["refused"], answers["conflict lines"]) == (2, 0, [])
    assert answers == await answers_of_a_full_replay(bus, ledger, seq)


async def test_clearing_before_the_snapshot_stays_applied(bus: Bus, seq: int, ledger: LedgerProcess) -> None:
    """Neither the snapshot after a clearing nor the stream has anything from before it."""
    await ledger.start_ready(LEDGER_SNAPSHOT_EVERY="1")
    last = await publish_in_order(bus, [CLEARED, *mixed(1_000, 50)])
    await snapshot_stored(bus, last)
    ledger.end(signal.SIGKILL)
    assert (await stream_state(bus, subjects.LEDGER_SNAPSHOTS)).messages < 60
    await ledger.start_ready()
    assert ledger.logged("ledger.restored")[0]["seq"] == last
    answers = await all_answers(bus, ledger, last)
    assert answers["entries"] + answers["refused"] == 50
    assert answers == await answers_of_a_full_replay(bus, ledger, last)


async def test_killing_nats_server_damages_no_snapshot(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """Killed repeatedly while snapshots are being stored: the ledger continues, and restarts from a whole one."""
    await ledger.start_ready(LEDGER_SNAPSHOT_EVERY="1")
    last = 0
    for first in range(0, 4_000, 500):
        last = await publish(bus, [settled(number, PROCESSORS[number % 3]) for number in range(first, first + 500)])
        await until(lambda: ledger.logged("ledger.snapshot"), "a snapshot")
        nats_server.kill()
        nats_server.start()
        await until_reconnected(bus)
    assert (await totals_after(bus, last))["default"] == (1_334, 1_334 * 1990)
    assert len(ledger.logged("ledger.ready")) == 1
    ledger.end(signal.SIGKILL)
    await ledger.start_ready()
    assert not ledger.logged("ledger.snapshot_refused")
    assert len(ledger.logged("ledger.restored")) == 1
    answers = await all_answers(bus, ledger, 0)
    assert answers == await answers_of_a_full_replay(bus, ledger, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_ledger_that_is_ended_repeatedly_answers_the_same(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess, number: signal.Signals
) -> None:
    """At any point while it reads and stores."""
    settlements = [settled(number, PROCESSORS[number % 3], number + 1) for number in range(6_000)]
    for first in range(0, 6_000, 1_000):
        ledger.start(LEDGER_SNAPSHOT_EVERY="100")
        await publish(bus, settlements[first : first + 1_000])
        ledger.end(number)
    await ledger.start_ready()
    assert not ledger.logged("ledger.snapshot_refused")
    answers = await all_answers(bus, ledger, 0)
    assert answers["entries"] == 6_000
    assert answers == await answers_of_a_full_replay(bus, ledger, 0)


async def test_answers_while_snapshots_are_stored_are_right(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """No question is answered from half a snapshot."""
    seen: set[tuple[int, int]] = set()
    await ledger.start_ready(LEDGER_SNAPSHOT_EVERY="1")
    publishing: asyncio.Task[int] = asyncio.create_task(publish(bus, [settled(number) for number in range(3_000)]))
    while not publishing.done():
        seen.add((await totals(bus))["default"])
    await totals_after(bus, await publishing)
    assert all(cents == count * 1990 for count, cents in seen)
    assert (await totals(bus))["default"] == (3_000, 3_000 * 1990)


def test_settlement_is_an_event() -> None:
    """The tests above use every kind of event that is counted."""
    assert {type(event) for event in mixed(0, 100)} == {PaymentSettled, PaymentRefused}
