"""SETTLEMENTS damaged on the disk of a real nats-server: found, reported, and never answered from wrongly."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.streams import ensure_streams
from services.bus.micro.ask import NotAnsweredError
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from tests.conftest import LIMITS
from tests.integration.ledger.damage import blocks, flip_in_length, flip_in_payload, truncate
from tests.integration.ledger.ledger_process import LedgerProcess, publish, settled, state, totals, totals_after
from tests.nats_server import NatsServer, until

COUNT = 300  # four blocks of a stream that may hold 128,000 bytes
SMALL_BLOCKS = 127_000  # nats-server uses blocks of 32,000 bytes if a stream may hold at most four of them
RIGHT = {"default": (COUNT, COUNT * 1990), "fallback": (0, 0)}
FOUND_WITHIN_S = 60.0
REREAD_EVERY_S = "12"
ASK_EVERY_S = 0.05
OLD, LAST = 1, -1
Damage = Callable[[Path], int]


@dataclass(frozen=True)
class Case:
    """A kind of damage, and the block that it is done to."""

    damage: Damage
    where: int

    def do(self, server: NatsServer) -> int:
        """Damage the block; return the sequence of the damaged message."""
        return self.damage(blocks(server.folder / "store")[self.where])


CASES = [Case(damage, where) for damage in (flip_in_payload, flip_in_length, truncate) for where in (OLD, LAST)]
IDS = [f"{case.damage.__name__}_{'last' if case.where == LAST else 'old'}_block" for case in CASES]


async def filled(bus: Bus) -> int:
    """Create the streams, with small blocks, and fill SETTLEMENTS; return the last sequence."""
    await ensure_streams(bus, replace(LIMITS, settlements_bytes_max=SMALL_BLOCKS))
    return await publish(bus, [settled(number) for number in range(COUNT)])


async def reported_damage(ledger: LedgerProcess) -> str:
    """Wait until the ledger has logged damage; return its description."""
    return str((await ledger.until_logged("ledger.settlements_damaged"))[-1]["damage"])


async def answers_of(bus: Bus, done: asyncio.Event) -> list[dict[str, tuple[int, int]]]:
    """Ask for totals until ``done`` is set; return all answers."""
    given = []
    while not done.is_set():
        with contextlib.suppress(NotAnsweredError, BusUnavailableError):
            given.append(await totals(bus))
        await asyncio.sleep(ASK_EVERY_S)
    return given


async def reached(bus: Bus) -> None:
    """Wait until the position read up to is stored."""

    async def is_stored() -> bool:
        info = await api.call(bus, f"STREAM.INFO.{subjects.LEDGER_SNAPSHOTS}", {"subjects_filter": ">"})
        return subjects.SNAPSHOT_REACHED in (info["state"].get("subjects") or {})

    await until(is_stored, "the position read up to")


async def restarted(server: NatsServer, bus: Bus, end: signal.Signals, damage: Callable[[], int]) -> None:
    """End the server, damage its store, start it, and wait for the connection."""
    if end is signal.SIGKILL:
        server.kill()
    else:
        server.stop()
    damage()
    server.start()
    await until(lambda: bus.is_connected, "the connection")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_a_ledger_that_starts_with_damage_answers_nothing(
    nats_server: NatsServer, bus: Bus, ledger: LedgerProcess, case: Case, end: signal.Signals
) -> None:
    """Without a snapshot the book would be incomplete: 503 with a reason, whatever the server does with its block."""
    last = await filled(bus)
    await ledger.start_ready()
    assert await totals_after(bus, last) == RIGHT
    await reached(bus)
    ledger.end(signal.SIGKILL)
    await restarted(nats_server, bus, end, lambda: case.do(nats_server))
    await answers_nothing(bus, ledger)


async def answers_nothing(bus: Bus, ledger: LedgerProcess) -> None:
    """Start the ledger; it must report damage and never answer."""
    done = asyncio.Event()
    asking = asyncio.create_task(answers_of(bus, done))
    ledger.start()
    assert await reported_damage(ledger)
    with pytest.raises(NotAnsweredError, match="SETTLEMENTS is damaged"):
        await totals(bus)
    done.set()
    assert await asking == []


@pytest.mark.parametrize("damage", [flip_in_payload, flip_in_length, truncate])
async def test_an_earlier_snapshot_answers_correctly_and_the_damage_is_reported(
    nats_server: NatsServer, bus: Bus, ledger: LedgerProcess, damage: Damage
) -> None:
    """The book is whole, the stream is not: totals are right, also for later settlements; the damage is reported."""
    last = await filled(bus)
    await ledger.start_ready(LEDGER_SNAPSHOT_EVERY="1")
    assert await totals_after(bus, last) == RIGHT
    await until(lambda: ledger.logged("ledger.snapshot"), "a snapshot")
    ledger.end(signal.SIGTERM)
    await restarted(nats_server, bus, signal.SIGTERM, lambda: Case(damage, OLD).do(nats_server))
    await ledger.start_ready()
    assert await reported_damage(ledger)
    more = await publish(bus, [settled(COUNT)])
    assert await totals_after(bus, more) == {"default": (COUNT + 1, (COUNT + 1) * 1990), "fallback": (0, 0)}
    now = await state(bus)
    assert now["missing"] or now["differing"]


async def test_missing_messages_that_an_operator_declared_are_not_damage(bus: Bus, ledger: LedgerProcess) -> None:
    """As after archiving: nothing is answered until the setting says how many are missing."""
    last = await filled(bus)
    await api.call(bus, f"STREAM.PURGE.{subjects.SETTLEMENTS}", {"seq": 11})
    await answers_nothing(bus, ledger)
    ledger.end(signal.SIGKILL)
    await ledger.start_ready(SETTLEMENTS_MISSING="10")
    assert await totals_after(bus, last) == {"default": (COUNT - 10, (COUNT - 10) * 1990), "fallback": (0, 0)}
    assert (await state(bus))["missing"] == 0


@contextlib.asynccontextmanager
async def on_a_server_of_its_own(folder: Path) -> AsyncIterator[tuple[NatsServer, Bus, LedgerProcess]]:
    """A nats-server, and a ledger that is not started yet."""
    server = NatsServer(folder / "nats").start()
    bus = await Bus.connect(server.url, "test")
    ledger = LedgerProcess(folder, server.url)
    try:
        yield server, bus, ledger
    finally:
        ledger.discard()
        await bus.close()
        server.stop()


async def test_damage_under_a_running_server_is_found(tmp_path: Path) -> None:
    """Within a minute, wherever it is; until then and after a restart no answer is wrong."""

    async def found(case: Case, folder: Path) -> None:
        async with on_a_server_of_its_own(folder) as (server, bus, ledger):
            last = await filled(bus)
            await ledger.start_ready(LEDGER_REREAD_EVERY_S=REREAD_EVERY_S)
            assert await totals_after(bus, last) == RIGHT
            await reached(bus)
            case.do(server)
            done = asyncio.Event()
            asking = asyncio.create_task(answers_of(bus, done))
            async with asyncio.timeout(FOUND_WITHIN_S):
                await until(lambda: ledger.logged("ledger.settlements_damaged") or not ledger.is_running, "the damage")
            done.set()
            assert all(given == RIGHT for given in await asking)
            await publish(bus, [settled(COUNT)])  # after a truncated last block it gets a sequence that was used before
            ledger.discard()
            await answers_nothing(bus, ledger)

    await asyncio.gather(*(found(case, tmp_path / name) for case, name in zip(CASES, IDS, strict=True)))
