"""With no processor at work the backlog waits in the stream, bounded, and nothing accepted is lost."""

from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import RunningSystem, new_id, until

BACKLOG_MAX = 400
PARTS = ("ingress-1", "ingress-2", "dispatcher-1", "ledger")
GROWTH_BYTES_MAX = 16 * 1024 * 1024  # what an allocator may retain; none of these processes may hold the backlog itself


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """A small backlog, and few concurrent calls."""
    return ENVIRONMENT | {"BACKLOG_MAX": str(BACKLOG_MAX), "IN_FLIGHT_MAX": "8"}


async def test_a_full_backlog_is_503_and_drains_oldest_first(system: RunningSystem) -> None:
    """At BACKLOG_MAX new payments get 503 and Retry-After; after the recovery all accepted ones are charged once."""
    before = {part: _resident_bytes(system, part) for part in PARTS}
    await system.set_processor("default", failing=True)
    await system.set_processor("fallback", failing=True)
    accepted: list[str] = []
    while True:
        payment_id = new_id()
        answer = await system.pay(payment_id)
        if answer.status_code != 202:
            break
        accepted.append(payment_id)
        assert len(accepted) <= BACKLOG_MAX
    assert (answer.status_code, answer.json()["error"]) == (503, "backlog_full")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(accepted) == BACKLOG_MAX
    assert (await system.http.get("/readyz")).status_code == 503
    for part in PARTS:
        assert _resident_bytes(system, part) - before[part] < GROWTH_BYTES_MAX
    await system.set_processor("default", failing=False)
    await system.set_processor("fallback", failing=False)
    await system.until_settled(accepted)
    await system.assert_charged_once(accepted)
    stamps = await _stamps(system)
    tenth = BACKLOG_MAX // 10
    assert max(stamps[payment_id] for payment_id in accepted[:tenth]) < min(
        stamps[payment_id] for payment_id in accepted[-tenth:]
    )

    async def accepts_again() -> bool:
        return (await system.pay(new_id())).status_code == 202

    await until(accepts_again, "payments are accepted again")


async def _stamps(system: RunningSystem) -> dict[str, datetime]:
    rows = {**await system.book("default"), **await system.book("fallback")}
    return {payment_id: datetime.fromisoformat(row["requestedAt"]) for payment_id, row in rows.items()}


def _resident_bytes(system: RunningSystem, part: str) -> int:
    pages = int(Path(f"/proc/{system.stack.pid(part)}/statm").read_text().split()[1])
    return pages * 4096
