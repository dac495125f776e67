"""With no processor at work the backlog waits in the stream, bounded, and nothing accepted is lost."""

from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.river import River, new_id, until

BACKLOG_MAX = 400
PARTS = ("ingress-1", "ingress-2", "dispatcher-1", "ledger")
GROWTH_BYTES_MAX = 16 * 1024 * 1024  # what an allocator may retain; none of these processes may hold the backlog itself


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """A small backlog, and few concurrent calls."""
    return ENVIRONMENT | {"BACKLOG_MAX": str(BACKLOG_MAX), "IN_FLIGHT_MAX": "8"}


async def test_a_full_backlog_is_503_and_drains_oldest_first(river: River) -> None:
    """At BACKLOG_MAX new payments get 503 and Retry-After; after the recovery all accepted ones are charged once."""
    before = {part: _resident_bytes(river, part) for part in PARTS}
    await river.set_processor("default", failing=True)
    await river.set_processor("fallback", failing=True)
    accepted: list[str] = []
    while True:
        payment_id = new_id()
        answer = await river.pay(payment_id)
        if answer.status_code != 202:
            break
        accepted.append(payment_id)
        assert len(accepted) <= BACKLOG_MAX
    assert (answer.status_code, answer.json()["error"]) == (503, "backlog_full")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(accepted) == BACKLOG_MAX
    assert (await river.http.get("/readyz")).status_code == 503
    for part in PARTS:
        assert _resident_bytes(river, part) - before[part] < GROWTH_BYTES_MAX
    await river.set_processor("default", failing=False)
    await river.set_processor("fallback", failing=False)
    await river.until_settled(accepted)
    await river.assert_charged_once(accepted)
    stamps = await _stamps(river)
    tenth = BACKLOG_MAX // 10
    assert max(stamps[payment_id] for payment_id in accepted[:tenth]) < min(
        stamps[payment_id] for payment_id in accepted[-tenth:]
    )

    async def accepts_again() -> bool:
        return (await river.pay(new_id())).status_code == 202

    await until(accepts_again, "payments are accepted again")


async def _stamps(river: River) -> dict[str, datetime]:
    rows = {**await river.book("default"), **await river.book("fallback")}
    return {payment_id: datetime.fromisoformat(row["requestedAt"]) for payment_id, row in rows.items()}


def _resident_bytes(river: River, part: str) -> int:
    pages = int(Path(f"/proc/{river.stack.pid(part)}/statm").read_text().split()[1])
    return pages * 4096
