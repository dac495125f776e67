"""While the cheap processor fails, only payments that were under way there wait for it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from sandbox import nats_connection
from sandbox.stack import Stack
from sandbox.stack.plan.ports import HOST
from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.assignments import TurnAssigned, decode_assignment
from services.contracts.events import PaymentAccepted, encode
from services.contracts.money import Cents
from services.dispatcher.core.condition import CANARIES_MAX
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.replay import paying, restart, unsettled, until_more
from tests.e2e.running_system import RunningSystem, new_id, until
from tests.scraped import Scraped, scrape

AGES = ("tarifa_backlog_oldest_seconds", "tarifa_in_hand_oldest_seconds", "tarifa_settle_seconds_sum")
AGES_BY_PROCESSOR = "tarifa_bound_oldest_seconds"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A running stack with metrics."""
    with Stack(env=ENVIRONMENT | {"SETTLE_WITHIN_S": "1", "ACK_WAIT_S": "2"}, metrics=True) as running:
        yield running


@asynccontextmanager
async def outage(system: RunningSystem) -> AsyncIterator[None]:
    """Make default fail within the context."""
    await system.set_processor("default", failing=True)
    yield
    await system.set_processor("default", failing=False)


async def until_fallback_settles(system: RunningSystem, accepted: list[str]) -> None:
    """Wait until a new payment is settled at fallback: then the outage is known."""
    await until_more(accepted, 1)
    newest = accepted[-1]

    async def is_settled() -> bool:
        return (await system.payment(newest)).get("processor") == "fallback"

    await until(is_settled, "fallback settles")


@pytest.mark.parametrize(
    ("part", "number", "bound_max"),
    [
        ("dispatcher-1", signal.SIGTERM, 0),
        ("dispatcher-1", signal.SIGKILL, 2 * CANARIES_MAX),  # calls under way, and calls that had just ended
        ("nats", signal.SIGKILL, 0),
    ],
    ids=["dispatcher-stopped", "dispatcher-killed", "nats-killed"],
)
async def test_fallback_continues_settling_when_a_part_is_restarted_in_the_outage(
    system: RunningSystem, part: str, number: signal.Signals, bound_max: int
) -> None:
    """What waited in hand or in the stream was not under way at default, and does not wait for it."""
    async with outage(system):
        async with paying(system) as accepted:
            await until_fallback_settles(system, accepted)
            await until_more(accepted, 30)
            await restart(system, part, number)
            await until_more(accepted, 30)

        async def all_but_those_under_way() -> bool:
            return len(await unsettled(system, accepted)) <= bound_max

        await until(all_but_those_under_way, "fallback has settled what waited")
        await system.until_settled(await system.pay_many(20))
    await system.until_settled(accepted)
    await system.assert_charged_once(accepted)


async def assigned(system: RunningSystem) -> set[str]:
    """Return every payment that a line in ASSIGNMENTS names: what each dispatcher holds in memory."""
    connection = await nats_connection.NatsConnection.connect(
        HOST, system.stack.ports["nats"], system.stack.bus_credentials
    )
    try:
        messages = [
            decode_assignment(message.data)
            for message in await nats_connection.stored_messages(connection, subjects.ASSIGNMENTS)
        ]
    finally:
        await connection.close()
    return {line.id for message in messages if isinstance(message, TurnAssigned) for line in message.lines}


async def test_no_line_names_a_moved_payment_once_it_is_settled(system: RunningSystem) -> None:
    """However many: the log, and every dispatcher's memory of it, is as short as what is in hand or in doubt."""
    async with outage(system):
        ids = await system.pay_many(100)
        await system.until_settled(ids)
    await system.assert_charged_once(ids)

    async def nothing_is_left() -> bool:
        return not await assigned(system)

    await until(nothing_is_left, "no line names a payment")


async def stored(stack: Stack, accepted_at: datetime) -> str:
    """Store a payment in PAYMENTS as an ingress with another clock would; return its id."""
    bus = await Bus.connect(stack.nats_url, "test", credentials=stack.bus_credentials)
    payment_id = new_id()
    data = encode(PaymentAccepted(payment_id, Cents(1990), accepted_at))
    result = await store(bus, subjects.PAYMENTS, subjects.accepted(payment_id), data, message_id=payment_id)
    await bus.close()
    assert isinstance(result, StoredAt)
    return payment_id


def ages_s(scraped: Scraped) -> list[float]:
    """Return every age in a dispatcher's metrics."""
    bound = [scraped.value(AGES_BY_PROCESSOR, processor=name) for name in ("default", "fallback")]
    return [*(scraped.total(name) for name in AGES), *bound]


@pytest.mark.parametrize(
    "off", [timedelta(minutes=10), timedelta(hours=-1)], ids=["ten-minutes-ahead", "an-hour-behind"]
)
async def test_an_ingress_with_a_wrong_clock_delays_no_payment_and_makes_no_age_negative(
    system: RunningSystem, off: timedelta
) -> None:
    """Its payments, and those behind them, are settled at fallback while default fails; each is charged once."""
    least_s = 0.0

    async def watch() -> None:
        nonlocal least_s
        while True:
            scraped = await asyncio.to_thread(scrape, system.stack.metrics_url("dispatcher-1"))
            least_s = min(least_s, *ages_s(scraped))
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    async with outage(system):
        odd = [await stored(system.stack, datetime.now(UTC) + off) for _ in range(5)]
        behind = await system.pay_many(40)
        await system.until_settled([*behind, *odd])
    watching.cancel()
    await asyncio.wait([watching])
    assert watching.cancelled(), "the metrics could not be read"
    assert least_s == 0.0
    await system.assert_charged_once([*behind, *odd])
