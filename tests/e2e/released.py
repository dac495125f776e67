"""What an operator does by HTTP about a payment in doubt: look, and release it with both confirmations."""

from typing import Any

import httpx

from tests.e2e.river import River, until

WHY = "default was shut down for good"


async def look(river: River, payment_id: str) -> dict[str, Any]:
    """Return what is known of a payment."""
    answer = await river.http.get(f"/payments/{payment_id}/release")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def until_releasable(river: River, payment_id: str) -> dict[str, Any]:
    """Wait until it is in doubt somewhere; return what is known then."""
    seen: dict[str, Any] = {}

    async def is_in_doubt() -> bool:
        seen.update(await look(river, payment_id))
        return bool(seen["refusal"] is None)

    await until(is_in_doubt, "the payment is in doubt")
    return seen


def confirmed(seen: dict[str, Any], to: str = "fallback") -> dict[str, object]:
    """Return the body of a release of what was seen."""
    return {
        "from": seen["from"],
        "line": seen["line"],
        "to": to,
        "reason": WHY,
        "acceptsDoubleCharge": True,
        "idEndsWith": seen["correlationId"][-12:],
    }


async def release(river: River, seen: dict[str, Any], to: str = "fallback", **change: object) -> httpx.Response:
    """Release it as it was seen."""
    return await river.http.post(f"/payments/{seen['correlationId']}/release", json=confirmed(seen, to) | change)
