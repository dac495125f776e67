"""The environment of ``make fuzz``."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.settings.environment import whole

EXAMPLES_DEFAULT = 400
SEED_DEFAULT = 1


@dataclass(frozen=True, slots=True)
class FuzzOptions:
    """``examples`` per operation and kind of request, valid or invalid; ``url`` of a running system."""

    examples: int
    seed: int
    url: str


def read(env: Mapping[str, str]) -> FuzzOptions:
    """Read the options from the environment.

    Raises:
        SettingError: names the variable that is wrong.
    """
    return FuzzOptions(
        examples=whole(env, "FUZZ_EXAMPLES", EXAMPLES_DEFAULT, least=1, most=1_000_000, unit="requests"),
        seed=whole(env, "SEED", SEED_DEFAULT, least=0, most=2**32 - 1, unit="a number"),
        url=env.get("FUZZ_URL", "").rstrip("/"),
    )
