"""The API key with which clients of the sandbox call, where the service asks for one."""

import os


def headers() -> dict[str, str]:
    """Return the Authorization header with TARIFA_KEY; empty where it is not set."""
    key = os.environ.get("TARIFA_KEY", "").strip()
    return {"Authorization": f"Bearer {key}"} if key else {}
