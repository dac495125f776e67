"""How a command comes onto the bus of the stack that ``tarifa up`` runs in this checkout."""

import json
from collections.abc import Mapping
from pathlib import Path

_FIELDS = {"NATS_URL": "url", "NATS_CREDENTIALS": "nkey", "NATS_CA": "ca"}


def bus_access(env: Mapping[str, str], secrets: Path, user: str) -> dict[str, str]:
    """Return NATS_URL, NATS_CREDENTIALS and NATS_CA from the user's context of the nats CLI in ``secrets``.

    Nothing where the environment says any of them: then it is another bus that is meant. Nothing, too, where there is
    no context: the stack of this checkout is open, or was never started.

    Raises:
        ValueError: the file is no such context; delete it, and start the stack again.
    """
    context = secrets / f"{user}.json"
    if any(env.get(name) for name in _FIELDS) or not context.exists():
        return {}
    try:
        told = json.loads(context.read_bytes())
        return {name: str(told[field]) for name, field in _FIELDS.items()}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{context} is no context of the nats CLI: {error!r}") from error
