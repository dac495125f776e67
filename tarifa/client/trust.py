"""How the service is verified over TLS: TARIFA_CA."""

import os
import ssl
from collections.abc import Mapping

VARIABLE = "TARIFA_CA"


def trusted(env: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return the context that verifies the service: by the authorities in TARIFA_CA's file, or those of this machine.

    Raises:
        ValueError: the file cannot be used.
    """
    path = env.get(VARIABLE, "").strip() or None
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{VARIABLE} names {path}, which has no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"{VARIABLE} names {path}, which cannot be read: {error.strerror}") from None


def is_stranger(error: BaseException | None) -> bool:
    """Return whether a connection failed because the other end's certificate is not trusted."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
