"""The floor: how fast this machine was within the last hour with a backend that does nothing.

An absolute latency says little on a shared machine; the ratio to the floor of the same hour does. See `floor_run`.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from sandbox.checkout import RUN_DIR

FILE = RUN_DIR / "rinha" / "floor.json"
# By what `backend.engine_from` returns. Each is measured as the load reaches the backend there: directly, through the
# relay, or through the engine's network.
FILES = {
    "processes": FILE,
    "limits": FILE.with_name("floor-limits.json"),
    "docker": FILE.with_name("floor-docker.json"),
}
FRESH_S = 3600.0


@dataclass(frozen=True, slots=True)
class Floor:
    """What was measured, of all successful calls and of POST alone; ``at_s`` is when."""

    at_s: float
    profile: str
    p50_ms: float
    p99_ms: float
    post_p50_ms: float
    post_p99_ms: float


def keep(floor: Floor, file: Path = FILE) -> None:
    """Store it for the runs of the next hour."""
    file.write_bytes(msgspec.json.encode(floor))


def known(profile_name: str, now_s: float, file: Path = FILE) -> Floor | None:
    """Return the floor of this profile if it was measured within the last hour."""
    try:
        floor = msgspec.json.decode(file.read_bytes(), type=Floor)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return floor if floor.profile == profile_name and 0 <= now_s - floor.at_s < FRESH_S else None
