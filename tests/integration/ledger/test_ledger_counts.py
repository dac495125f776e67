"""The ledger process with a real stream: each settlement counts once, whatever is restarted, killed or published."""

import shutil
import signal
from datetime import UTC, datetime

import pytest

from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.bus.micro.ask import BusUnavailableError, NotAnsweredError
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentRefused, SettlementsCleared
from services.contracts.money import Cents
from tests.integration.ledger.ledger_answers import until_reconnected
from tests.integration.ledger.ledger_process import (
    START,
    LedgerProcess,
    payment_id,
    publish,
    settled,
    state,
    totals,
    totals_after,
)
from tests.nats_server import NatsServer

REFUSED = PaymentRefused(payment_id(1), Cents(1990), "default", "no", START, 2)
CLEARED = SettlementsCleared(datetime(2025, 8, 1, 13, tzinfo=UTC))


async def test_empty_stream_is_ready_and_all_zeros(bus: Bus, ledger: LedgerProcess) -> None:
    """The first start creates the streams and lists every processor of PROCESSORS."""
    ready = await ledger.start_ready()
    assert (ready["entries"], ready["seq"]) == (0, 0)
    assert await totals(bus) == {"default": (0, 0), "fallback": (0, 0)}


async def test_settlements_before_and_after_the_start_are_counted(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """The replay and what follows add up; a processor that PROCESSORS lacks is counted under its name."""
    await publish(bus, [settled(1), settled(2, "fallback", 5)])
    ready = await ledger.start_ready()
    assert (ready["entries"], ready["seq"]) == (2, 2)
    assert await totals(bus) == {"default": (1, 1990), "fallback": (1, 5)}
    seq = await publish(bus, [settled(3), settled(4, "third", 7)])
    assert await totals_after(bus, seq) == {"default": (2, 3980), "fallback": (1, 5), "third": (1, 7)}


async def test_period_has_both_ends_inclusive(bus: Bus, streams: StreamLimits, ledger: LedgerProcess) -> None:
    """By requested_at, although the entries came in another order."""
    await publish(bus, [settled(number) for number in (5, 1, 4, 2, 3)])
    await ledger.start_ready()
    asked = b'{"from": "2025-08-01T12:00:00.002Z", "to": "2025-08-01T12:00:00.004Z"}'
    assert (await totals(bus, asked))["default"] == (3, 5970)


async def test_repeated_settlement_counts_once(bus: Bus, streams: StreamLimits, ledger: LedgerProcess) -> None:
    """A dispatcher that received no PubAck publishes again."""
    await ledger.start_ready()
    seq = await publish(bus, [settled(1), settled(1)])
    assert (await totals_after(bus, seq))["default"] == (1, 1990)
    assert (await state(bus))["conflicts"] == 0


async def test_conflict_is_reported_and_never_counted_twice(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """Settled at two processors, or settled and refused: an error in the log with both entries, counted once."""
    await ledger.start_ready()
    seq = await publish(bus, [settled(1), settled(1, "fallback"), REFUSED])
    assert await totals_after(bus, seq) == {"default": (1, 1990), "fallback": (0, 0)}
    assert (await state(bus))["conflicts"] == 2
    charged_twice, refused = await ledger.until_logged("ledger.conflict")
    assert charged_twice["level"] == "error"
    assert charged_twice["seq"] == 2
    assert charged_twice["found"]["processor"] == "default"
    assert charged_twice["given"]["processor"] == "fallback"
    assert charged_twice["given"]["id"] == payment_id(1)
    assert refused["given"]["requested_at_us"] is None


async def test_refused_payment_counts_nothing(bus: Bus, streams: StreamLimits, ledger: LedgerProcess) -> None:
    """It is remembered, but is in no total."""
    await publish(bus, [REFUSED])
    await ledger.start_ready()
    assert await totals(bus) == {"default": (0, 0), "fallback": (0, 0)}
    now = await state(bus)
    assert (now["entries"], now["refused"]) == (0, 1)


async def test_clearing_forgets_all_before_it_also_after_a_restart(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """The totals start again with the first settlement after it."""
    await publish(bus, [settled(1), settled(2)])
    await ledger.start_ready()
    seq = await publish(bus, [CLEARED])
    assert await totals_after(bus, seq) == {"default": (0, 0), "fallback": (0, 0)}
    seq = await publish(bus, [settled(2), settled(3)])
    assert (await totals_after(bus, seq))["default"] == (2, 3980)
    ledger.end(signal.SIGTERM)
    await ledger.start_ready()
    assert (await totals(bus))["default"] == (2, 3980)


async def test_message_that_is_not_an_event_is_skipped(bus: Bus, streams: StreamLimits, ledger: LedgerProcess) -> None:
    """Junk of any kind is logged as an error and counted as unreadable; what follows counts as usual."""
    junk = [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b'{"type": "PaymentSettled", "v": 2}',
        b'{"type": "SettlementsCleared", "clearedAt": "2025-08-01T12:00:00Z", "x": ' + b"[" * 60_000,
    ]
    for data in junk:
        assert isinstance(await store(bus, subjects.SETTLEMENTS, subjects.settled("default", "x"), data), StoredAt)
    huge = settled(1, cents=2**63)
    seq = await publish(bus, [huge, settled(2)])
    ready = await ledger.start_ready()
    assert (ready["entries"], ready["seq"]) == (1, seq)
    assert (await totals(bus))["default"] == (1, 1990)
    assert (await state(bus))["unreadable"] == len(junk) + 1
    assert [record["seq"] for record in ledger.logged("ledger.unreadable")] == list(range(1, len(junk) + 2))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_restarted_ledger_answers_the_same(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess, number: signal.Signals
) -> None:
    """Stopped gracefully or killed: everything is in the stream."""
    await ledger.start_ready()
    seq = await publish(bus, [settled(number, "fallback", number + 1) for number in range(1_000)])
    before = await totals_after(bus, seq)
    assert before["fallback"] == (1_000, 500_500)
    ledger.end(number)
    await ledger.start_ready()
    assert await totals(bus) == before


async def test_killing_nats_server_loses_nothing_and_counts_nothing_twice(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """The same process continues, and counts what was stored before and after, once."""
    await ledger.start_ready()
    await publish(bus, (settled(number) for number in range(500)))
    for first in (500, 1_000):
        nats_server.kill()
        nats_server.start()
        await until_reconnected(bus)
        seq = await publish(bus, (settled(number) for number in range(first, first + 500)))
        assert (await totals_after(bus, seq))["default"] == (first + 500, 1990 * (first + 500))
    assert len(ledger.logged("ledger.ready")) == 1
    assert (await state(bus))["conflicts"] == 0


async def test_a_lost_store_ends_the_ledger_and_the_next_one_counts_the_new_store(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """A book of a stream that no longer exists must not answer, nor continue from the middle of another stream."""
    await publish(bus, [settled(1), settled(2)])
    await ledger.start_ready()
    nats_server.kill()
    shutil.rmtree(nats_server.folder / "store")
    nats_server.start()
    await until_reconnected(bus)
    await ensure_streams(bus, streams)
    assert ledger.status() not in {0, 2}
    seq = await publish(bus, [settled(3)])
    await ledger.start_ready()
    assert (await totals_after(bus, seq))["default"] == (1, 1990)


async def test_no_partial_answer_is_given_during_a_replay(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """Asked continuously from before its start, the ledger never reports only a part of what is stored."""
    await publish(bus, (settled(number) for number in range(10_000)))
    ledger.start()
    answer = None
    while answer is None:
        answer = await _answer(bus)
    assert answer == {"default": (10_000, 19_900_000), "fallback": (0, 0)}
    [ready] = await ledger.until_logged("ledger.ready")
    assert ready["entries"] == 10_000


async def _answer(bus: Bus) -> dict[str, tuple[int, int]] | None:
    try:
        return await totals(bus)
    except NotAnsweredError as error:
        assert "ask again" in str(error)  # noqa: PT017  # one of two right answers
    except BusUnavailableError as error:
        assert "no service answers" in str(error)  # noqa: PT017  # not started yet
    return None
