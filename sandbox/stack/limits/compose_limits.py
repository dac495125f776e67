"""The limits of docker compose for each service, read from docker-compose.yml for a machine without docker. Pure.

With LIMITS=compose the stack runs under these limits and settings, so that what is measured is what is submitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from sandbox.checkout import TOP
from sandbox.stack.errors import StackError

COMPOSE = TOP / "docker-compose.yml"

# Docker uses powers of 1024, with or without a B at the end.
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True, slots=True)
class Limit:
    """One service's limits, and the settings that its container would have.

    ``cpu_shares``: its weight where there is not enough CPU for all; None is docker's default, 1024.
    """

    cpus: Decimal
    memory_bytes: int
    env: Mapping[str, str] = field(default_factory=dict)
    cpu_shares: int | None = None


def read(path: Path = COMPOSE) -> dict[str, Limit]:
    """Read the limits of every service.

    Raises:
        StackError: the file cannot be read, or a service has no limit.
    """
    try:
        return of_compose(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise StackError(f"LIMITS=compose reads {path.name}, which cannot be read: {error}") from None


def of_compose(document: Mapping[str, Any]) -> dict[str, Limit]:
    """Return the limits by the service's name.

    Raises:
        StackError: names the service without a usable limit.
    """
    return {name: _limit(name, service) for name, service in document["services"].items()}


def service_of(part: str) -> str | None:
    """Return the service of docker-compose.yml whose limits apply to a part; all dispatchers share one's limits.

    None: no limits apply to it, as to the processors.
    """
    if part.startswith("processor-"):
        return None
    if part.startswith("dispatcher-"):
        return "dispatcher"
    return {"balancer": "nginx"}.get(part, part)


def bytes_from_text(text: str) -> int:
    """Read a size as docker does, as 55MB.

    Raises:
        ValueError: it is not a size.
    """
    lowered = text.strip().lower()
    digits = lowered.removesuffix("b").rstrip("kmg")
    try:
        return int(Decimal(digits) * _UNITS[lowered[len(digits) :].removesuffix("b")])
    except (InvalidOperation, KeyError):
        raise ValueError(f"{text!r} is not a size; write 55MB") from None


def _limit(name: str, service: Mapping[str, Any]) -> Limit:
    try:
        limits = service["deploy"]["resources"]["limits"]
        cpus, memory_bytes = Decimal(str(limits["cpus"])), bytes_from_text(str(limits["memory"]))
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise StackError(f"docker-compose.yml: {name} has no usable deploy.resources.limits: {error}") from None
    env = {key: str(value) for key, value in service.get("environment", {}).items()}
    return Limit(cpus, memory_bytes, env, service.get("cpu_shares"))
