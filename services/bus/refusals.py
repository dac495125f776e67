"""What the server says when it does not let a client in, or not do something: told apart from its being away. Pure.

The client hands on the server's line as a text and has no type for it; these are the server's own words since 2.0.
"""

import re

_NOT_ADMITTED = re.compile(r"Authorization Violation|Authentication (Timeout|Expired|Revoked)", re.IGNORECASE)
_FORBIDDEN = re.compile(r"Permissions Violation for (?:Publish|Subscription) to \"([^\"]+)\"", re.IGNORECASE)


class NotAdmittedError(Exception):
    """NATS does not let this user in: another key is needed, or the server must be told of this one. Do not start."""


def refusal(error: Exception) -> str | None:
    """Return why the server does not let this client in, as what follows its name; None: it is about something else."""
    if _NOT_ADMITTED.search(str(error)):
        return "does not know this user: see NATS_CREDENTIALS, and the users that the server was told of"
    return None


def forbidden_subject(error: Exception) -> str | None:
    """Return where this user may not publish, or subscribe; None: the error is another."""
    found = _FORBIDDEN.search(str(error))
    return None if found is None else found[1]
