"""What the server says when it does not let a client in, or not do something: told apart from its being away. Pure.

The client hands on the server's line as a text and has no type for it; these are the server's own words since 2.0.
"""

import re
import ssl

from nats.errors import Error as NatsError

_NOT_ADMITTED = re.compile(r"Authorization Violation|Authentication (Timeout|Expired|Revoked)", re.IGNORECASE)
_FORBIDDEN = re.compile(r"Permissions Violation for (?:Publish|Subscription) to \"([^\"]+)\"", re.IGNORECASE)


class NotAdmittedError(Exception):
    """NATS does not let this user in, or is not ours: a file is wrong, or the server must be told. Do not start."""


class InTheClearError(NatsError):
    """The server does not speak TLS, and NATS_CA says that it must."""


def refusal(error: Exception) -> str | None:
    """Return why this client and the server have no dealings, as what follows its name; None: it is another error."""
    if isinstance(error, InTheClearError):
        return "speaks in the clear, and NATS_CA says that it must show a certificate"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"shows a certificate that NATS_CA does not vouch for: {error.verify_message}"
            " (where NATS_CA is unset, only this machine's own authorities are believed)"
        )
    if _NOT_ADMITTED.search(str(error)):
        return "does not know this user: see NATS_CREDENTIALS, and the users that the server was told of"
    return None


def forbidden_subject(error: Exception) -> str | None:
    """Return where this user may not publish, or subscribe; None: the error is another."""
    found = _FORBIDDEN.search(str(error))
    return None if found is None else found[1]
