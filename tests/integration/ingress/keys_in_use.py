"""Keys with each set of scopes, and payments sent with them."""

from datetime import UTC, datetime

import httpx

from services.keys.key import Key, Scope, hash_of
from tests.integration.ingress.ingress_process import new_id, payment

WAYS: dict[str, dict[str, str]] = {"plain": {}, "of the framework": {"Connection": "keep-alive"}}
SIGNED_IN = {"Cookie": "theme=dark; tarifa_key=both", "Sec-Fetch-Site": "same-origin"}


def key(name: str, *scopes: Scope, rate_per_s: float = 1e6, burst: int = 1_000_000) -> Key:
    """Return a key whose secret is its name."""
    return Key(name, hash_of(name.encode()), scopes, rate_per_s, burst, datetime.now(UTC))


KEYS = (
    key("payer", "pay"),
    key("reader", "read"),
    key("both", "pay", "read"),
    key("operator", "operate"),
    key("slow", "pay", rate_per_s=0.001, burst=2),
)


def bearer(name: str) -> dict[str, str]:
    """Return the header of a key."""
    return {"Authorization": f"Bearer {name}"}


async def pay(http: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    """Pay with these headers."""
    return await http.post("/payments", json=payment(new_id()), headers=headers)


def slug(answer: httpx.Response) -> tuple[int, str]:
    """Return status and slug."""
    return answer.status_code, answer.json().get("error", "")
