"""What a client needs to connect to NATS: its key, and the authority of the servers (NATS_CREDENTIALS, NATS_CA)."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.access.nkey import NKey
from services.access.secret_file import read_secret
from services.settings.environment import text_as


@dataclass(frozen=True, slots=True)
class BusCredentials:
    """``key`` of None is nobody: only a server without users lets that in.

    ``tls``: how a server must show that it is one of ours, before anything is said to it; None: in the clear.
    """

    key: NKey | None = None
    tls: ssl.SSLContext | None = None


ANONYMOUS = BusCredentials()


def bus_credentials(env: Mapping[str, str]) -> BusCredentials:
    """Read it from the environment.

    Raises:
        SettingError: names the variable whose file cannot be used, and why.
    """
    return BusCredentials(text_as(env, "NATS_CREDENTIALS", "", _key), text_as(env, "NATS_CA", "", _tls))


def _key(text: str) -> NKey | None:
    if not text:
        return None
    written = read_secret(Path(text))
    try:
        return NKey.from_text(written)
    except ValueError as error:
        raise ValueError(f"names {text}, which {error}") from None


def _tls(text: str) -> ssl.SSLContext | None:
    if not text:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(text)
    except ssl.SSLError:
        raise ValueError(f"names {text}, which has no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"names {text}, which cannot be read: {error.strerror}") from None
    return context
