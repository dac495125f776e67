"""What a client brings to be let onto the bus: NATS_CREDENTIALS."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.access.nkey import NKey
from services.access.secret_file import read_secret
from services.contracts.setting import text_as


@dataclass(frozen=True, slots=True)
class Admittance:
    """``key`` of None is nobody: only a server without users lets that in."""

    key: NKey | None = None


NOBODY = Admittance()


def admittance(env: Mapping[str, str]) -> Admittance:
    """Read it from the environment.

    Raises:
        SettingError: names the variable whose file cannot be used, and why.
    """
    return Admittance(text_as(env, "NATS_CREDENTIALS", "", _key))


def _key(text: str) -> NKey | None:
    if not text:
        return None
    written = read_secret(Path(text))
    try:
        return NKey.from_text(written)
    except ValueError as error:
        raise ValueError(f"names {text}, which {error}") from None
