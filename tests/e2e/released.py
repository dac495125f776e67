"""How an operator releases a payment in doubt by HTTP: look it up, then release it with both confirmations."""

import asyncio
from typing import Any

import httpx

from tests.e2e.running_system import RunningSystem, until

# A call without an answer ends soon, and in doubt; slowness sends no payment elsewhere.
BRISK = {"CALL_TIMEOUT_S": "1", "ACK_WAIT_S": "2", "SETTLE_WITHIN_S": "1", "SLOW_CALL_MS": "600000"}
WHY = "default was shut down for good"


async def look(system: RunningSystem, payment_id: str) -> dict[str, Any]:
    """Return what ``GET /payments/{id}/release`` says of a payment."""
    answer = await system.http.get(f"/payments/{payment_id}/release")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def until_releasable(system: RunningSystem, payment_id: str) -> dict[str, Any]:
    """Wait until a release is possible; return what the look-up said then."""
    seen: dict[str, Any] = {}

    async def is_in_doubt() -> bool:
        seen.update(await look(system, payment_id))
        return bool(seen["refusal"] is None)

    await until(is_in_doubt, "the payment is in doubt")
    return seen


def confirmed(seen: dict[str, Any], to: str = "fallback") -> dict[str, object]:
    """Return the request body that releases what the look-up returned."""
    return {
        "from": seen["from"],
        "line": seen["line"],
        "to": to,
        "reason": WHY,
        "acceptsDoubleCharge": True,
        "idEndsWith": seen["correlationId"][-12:],
    }


async def release(
    system: RunningSystem, seen: dict[str, Any], to: str = "fallback", **change: object
) -> httpx.Response:
    """Release what the look-up returned; ``change`` overrides fields of the request."""
    return await system.http.post(f"/payments/{seen['correlationId']}/release", json=confirmed(seen, to) | change)


async def in_doubt(system: RunningSystem, count: int) -> list[dict[str, Any]]:
    """Return the look-ups of payments that are in doubt."""
    ids = await system.pay_many(count)
    return list(await asyncio.gather(*[until_releasable(system, each) for each in ids]))
