"""A request that waits for its payment: what ends the wait, and that a hint alone decides nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.money import Cents
from services.ingress.core.answers import Missing, NotAwaited, NotYet, Standing, TryLater
from services.ingress.core.meter import Meter
from services.ingress.flow import awaiting
from services.ingress.flow.awaiting import Awaiting

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)
SETTLED = Standing(PaymentSettled(ID, Cents(1990), "default", NOON, NOON, 1))
REFUSED = Standing(PaymentRefused(ID, Cents(1990), "default", "no such account", NOON, 1))
AWAY = TryLater("nats_away", "it is away")
LONG_S = 1_000.0


class Ports:
    """Both ports: ``finds`` are what the look-ups find, one after another, the last one for ever."""

    def __init__(self, *finds: Standing | Missing | TryLater) -> None:
        self.finds = list(finds)
        self.noted: list[str] = []
        self.calls: list[Callable[[], None]] = []

    async def settlement(self, payment_id: str) -> Standing | Missing | TryLater:
        """Record the look-up."""
        assert payment_id == ID
        self.noted.append("look")
        await asyncio.sleep(0)
        return self.finds.pop(0) if len(self.finds) > 1 else self.finds[0]

    @asynccontextmanager
    async def listening(self, payment_id: str, call: Callable[[], None]) -> AsyncIterator[None]:
        """Record what to call."""
        assert payment_id == ID
        await asyncio.sleep(0)
        self.noted.append("listen")
        self.calls.append(call)
        try:
            yield
        finally:
            self.calls.remove(call)
            self.noted.append("stop listening")

    async def until(self, looks: int) -> None:
        """Wait until that many look-ups have ended."""
        while self.noted.count("look") < looks:  # noqa: ASYNC110  # turns of this very loop
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def _awaiting(ports: Ports, meter: Meter | None = None, awaiting_max: int = 8) -> Awaiting:
    return Awaiting(settlements=ports, hints=ports, meter=meter or Meter(), awaiting_max=awaiting_max)


@pytest.fixture
def only_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevent periodic look-ups."""
    monkeypatch.setattr(awaiting, "LOOK_AGAIN_S", LONG_S)


@pytest.mark.parametrize("final", [SETTLED, REFUSED])
async def test_what_is_already_final_is_returned_after_one_look_up(final: Standing) -> None:
    """It listens before it looks up, so that nothing is missed in between."""
    ports = Ports(final)
    assert await _awaiting(ports).final(ID, LONG_S) == final
    assert ports.noted == ["listen", "look", "stop listening"]


@pytest.mark.usefixtures("only_hints")
async def test_a_hint_ends_the_wait_by_a_look_up() -> None:
    """It comes before the settlement is stored: look-ups continue until it is found."""
    ports = Ports(Missing(), Missing(), Missing(), SETTLED)
    waiting = asyncio.create_task(_awaiting(ports).final(ID, LONG_S))
    await ports.until(looks=1)
    assert not waiting.done()
    ports.calls[0]()
    assert await waiting == SETTLED
    assert ports.noted == ["listen", "look", "look", "look", "look", "stop listening"]


@pytest.mark.usefixtures("only_hints")
async def test_a_hint_that_comes_during_a_look_up_counts() -> None:
    """The look-up may return what was true a moment before."""
    ports = Ports(Missing(), SETTLED)
    waiting = asyncio.create_task(_awaiting(ports).final(ID, LONG_S))
    while "look" not in ports.noted:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)
    ports.calls[0]()
    assert await waiting == SETTLED


async def test_a_lost_hint_costs_time_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is another look-up anyway, also after one during which NATS was away."""
    monkeypatch.setattr(awaiting, "LOOK_AGAIN_S", 0.001)
    assert await _awaiting(Ports(Missing(), AWAY, Missing(), SETTLED)).final(ID, LONG_S) == SETTLED


@pytest.mark.usefixtures("only_hints")
async def test_a_hint_without_a_settlement_changes_nothing() -> None:
    """Whatever was published, the answer is what was read."""
    ports = Ports(Missing())
    waiting = asyncio.create_task(_awaiting(ports).final(ID, 0.05))
    await ports.until(looks=1)
    ports.calls[0]()
    assert await waiting == NotYet()


@pytest.mark.usefixtures("only_hints")
async def test_the_last_look_up_is_at_the_end_of_the_wait() -> None:
    """What was settled meanwhile is found, even without a hint."""
    assert await _awaiting(Ports(Missing(), SETTLED)).final(ID, 0.01) == SETTLED
    ports = Ports(Missing())
    assert await _awaiting(ports).final(ID, 0.01) == NotYet()
    assert ports.noted == ["listen", "look", "look", "stop listening"]


async def test_the_number_of_waits_is_bounded() -> None:
    """One more does not wait; one that gives up leaves its place. Each is counted."""
    ports, meter = Ports(Missing()), Meter()
    waits = _awaiting(ports, meter, awaiting_max=2)
    waiting = [asyncio.create_task(waits.final(ID, LONG_S)) for _ in range(2)]
    await ports.until(looks=2)
    assert meter.awaiting == 2
    assert await waits.final(ID, LONG_S) == NotAwaited()
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert (meter.awaiting, len(ports.calls)) == (1, 1)
    assert await waits.final(ID, 0) == NotYet()
    ports.finds = [SETTLED]
    ports.calls[0]()
    assert await waiting[1] == SETTLED
    assert (meter.awaiting, ports.calls) == (0, [])
    assert meter.waits == {"settled": 1, "not_yet": 1, "not_awaited": 1}


@pytest.mark.usefixtures("only_hints")
async def test_a_stop_ends_all_waits_at_once() -> None:
    """And none begins; what is settled by then is still answered."""
    ports = Ports(Missing())
    waits = _awaiting(ports)
    waiting = [asyncio.create_task(waits.final(ID, LONG_S)) for _ in range(3)]
    await ports.until(looks=3)
    ports.finds = [SETTLED, Missing()]
    waits.close()
    assert sorted(map(str, await asyncio.gather(*waiting))) == sorted(map(str, [SETTLED, NotAwaited(), NotAwaited()]))
    looks = ports.noted.count("look")
    assert await waits.final(ID, LONG_S) == NotAwaited()
    assert ports.noted.count("look") == looks
