"""The server's errors when it does not admit a client, or forbids something; distinguished from its being away. Pure.

The client passes the server's line on as text and has no type for it; these texts are unchanged since NATS 2.0.
"""

import re
import ssl

from nats.errors import Error as NatsError

_NOT_ADMITTED = re.compile(r"Authorization Violation|Authentication (Timeout|Expired|Revoked)", re.IGNORECASE)
_FORBIDDEN = re.compile(r"Permissions Violation for (?:Publish|Subscription) to \"([^\"]+)\"", re.IGNORECASE)


class NotAdmittedError(Exception):
    """NATS does not admit this user, or is not ours: a file is wrong, or the server lacks the user. Do not start."""


class NoTlsError(NatsError):
    """The server offers no TLS, and NATS_CA requires it."""


def refusal(error: Exception) -> str | None:
    """Return why client and server cannot work together, to follow the server's name; None: it is another error."""
    if isinstance(error, NoTlsError):
        return "offers no TLS, and NATS_CA says that it must show a certificate"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"shows a certificate that is not trusted: {error.verify_message}. Give the file of the authority that"
            " signed it in NATS_CA (unset: this machine's own authorities), the server in NATS_URL, and this user's key"
            " in NATS_CREDENTIALS"
        )
    if _NOT_ADMITTED.search(str(error)):
        return "does not know this user: see NATS_CREDENTIALS, and the users in the server's configuration"
    return None


def forbidden_subject(error: Exception) -> str | None:
    """Return the subject to which this user may not publish or subscribe; None: it is another error."""
    found = _FORBIDDEN.search(str(error))
    return None if found is None else found[1]
