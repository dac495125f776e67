"""The API key that clients of the sandbox call with, where they are asked for one."""

import os


def headers() -> dict[str, str]:
    """Return the header that says TARIFA_KEY; none where it is not set."""
    key = os.environ.get("TARIFA_KEY", "").strip()
    return {"Authorization": f"Bearer {key}"} if key else {}
