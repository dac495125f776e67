"""What the cheap processor cannot carry in time goes to the expensive one."""

import pytest

from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import RunningSystem


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """At most four concurrent calls, so that a slow processor cannot carry much."""
    return ENVIRONMENT | {"IN_FLIGHT_MAX": "4", "SPILL_AFTER_S": "1", "SETTLE_WITHIN_S": "600"}


async def test_what_default_cannot_carry_in_time_spills(system: RunningSystem) -> None:
    """At one second a call and four at once, a hundred payments are more than a second's queue: the surplus moves."""
    await system.set_processor("default", delay_ms=1000)
    ids = await system.pay_many(100)
    await system.until_settled(ids)
    where = [found[0] for found in (await system.where(ids)).values()]
    assert where.count("fallback") > where.count("default") > 0
    await system.assert_charged_once(ids)
