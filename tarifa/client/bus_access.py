"""Access to the bus of the stack that ``tarifa up`` runs in this checkout."""

import json
from collections.abc import Mapping
from pathlib import Path

_FIELDS = {"NATS_URL": "url", "NATS_CREDENTIALS": "nkey", "NATS_CA": "ca"}


def bus_access(env: Mapping[str, str], secrets: Path, user: str) -> dict[str, str]:
    """Return NATS_URL, NATS_CREDENTIALS and NATS_CA from the user's context of the nats CLI in ``secrets``.

    Empty where the environment sets any of them: then another bus is meant. Empty, too, where there is no context: the
    stack of this checkout is open, or was never started.

    Raises:
        ValueError: the file is not a context; delete it, and start the stack again.
    """
    context = secrets / f"{user}.json"
    if any(env.get(name) for name in _FIELDS) or not context.exists():
        return {}
    try:
        context_fields = json.loads(context.read_bytes())
        return {name: str(context_fields[field]) for name, field in _FIELDS.items()}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{context} is not a context of the nats CLI: {error!r}") from error
