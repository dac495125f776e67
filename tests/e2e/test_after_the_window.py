"""An id that comes again after the idempotency window is accepted anew, and still charged once."""

import pytest

from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.river import River, new_id, until


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """A window of one second."""
    return ENVIRONMENT | {"IDEMPOTENCY_WINDOW_S": "1", "SETTLE_WITHIN_S": "1"}


@pytest.mark.parametrize("processor", ["default", "fallback"])
async def test_after_the_window_the_same_id_is_not_charged_again(river: River, processor: str) -> None:
    """Wherever it was settled the first time, at the home or moved, it is found there."""
    await river.set_processor("default", failing=processor == "fallback")
    payment_id = new_id()
    await river.pay_until_accepted(payment_id)
    await river.until_settled([payment_id])
    await river.set_processor("default", failing=False)

    async def accepted_anew() -> bool:
        answer = await river.pay(payment_id)
        assert answer.status_code == 202
        return "Idempotent-Replayed" not in answer.headers

    await until(accepted_anew, "the window has passed")
    others = await river.pay_many(20)
    await river.until_settled(others)
    assert (await river.where([payment_id]))[payment_id] == [processor]
    await river.assert_charged_once([payment_id, *others])
