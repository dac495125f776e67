"""An id repeated after the idempotency window is still the same payment, charged once."""

import asyncio

import pytest

from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import RunningSystem, new_id

WINDOW_S = 1


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """A window of one second."""
    return ENVIRONMENT | {"IDEMPOTENCY_WINDOW_S": str(WINDOW_S), "SETTLE_WITHIN_S": "1"}


@pytest.mark.parametrize("processor", ["default", "fallback"])
async def test_after_the_window_the_first_acceptance_stays(system: RunningSystem, processor: str) -> None:
    """Wherever it was settled: a replay is answered as one, and another amount is refused with 409."""
    await system.set_processor("default", failing=processor == "fallback")
    payment_id = new_id()
    await system.pay_until_accepted(payment_id)
    await system.until_settled([payment_id])
    await system.set_processor("default", failing=False)
    first = await system.payment(payment_id)
    await asyncio.sleep(WINDOW_S * 3)  # no event to wait for: a server does not show that it has forgotten an id

    again = await system.pay(payment_id)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (202, "true")
    assert again.json()["status"] == "settled"
    other = await system.pay(payment_id, 20.0)
    assert (other.status_code, other.json()["error"]) == (409, "amount_differs")
    assert await system.payment(payment_id) == first

    others = await system.pay_many(20)
    await system.until_settled(others)
    assert await system.payment(payment_id) == first
    assert (await system.where([payment_id]))[payment_id] == [processor]
    await system.assert_charged_once([payment_id, *others])
