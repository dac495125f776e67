"""What in a request identifies its sender: a client with its key, a page of ours, or a page of another site.

Browsers report where a request comes from in headers that no page can set: ``Sec-Fetch-Site`` if they trust the
connection (TLS, or this machine), ``Origin`` with whatever may change something or be read by a page.
"""

import re
from typing import NamedTuple

_SAFE_METHODS = {"GET", "HEAD"}
_OURS = {"same-origin", "none"}  # none: a person typed the address, or opened a bookmark
_LOOPBACK_NAME = re.compile(r"(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


class Call(NamedTuple):
    """The headers that matter here, None if missing; ``cookie`` is the key that a signed-in browser sends.

    ``site``, ``mode``, ``dest``: Sec-Fetch-Site, -Mode and -Dest.
    """

    method: str
    host: str | None = None
    authorization: str | None = None
    cookie: str | None = None
    origin: str | None = None
    site: str | None = None
    mode: str | None = None
    dest: str | None = None


def comes_from_elsewhere(call: Call) -> bool:
    """Return whether a page of another origin makes a browser send it.

    A link or a bookmark that a person follows is harmless: only that person gets the answer.
    """
    if call.site is not None:
        is_followed = call.method in _SAFE_METHODS and call.mode == "navigate" and call.dest == "document"
        return call.site not in _OURS and not is_followed
    return call.origin is not None and not _is_own(call.origin, call.host)


def may_use_cookie(call: Call) -> bool:
    """Return whether the cookie counts: browsers send it by themselves, so a change must be shown to be our page's."""
    if comes_from_elsewhere(call):
        return False
    return call.method in _SAFE_METHODS or call.site == "same-origin" or (call.site is None and call.origin is not None)


def is_loopback(host: str | None) -> bool:
    """Return whether a Host header names this machine; a missing one does: only pages need one, and always send it."""
    return host is None or _LOOPBACK_NAME.fullmatch(host) is not None


def secret_of(authorization: str) -> str | None:
    """Return the key in an Authorization header; None if it is of another kind."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" and secret.strip() else None


def _is_own(origin: str, host: str | None) -> bool:
    return host is not None and origin.partition("://")[2].lower() == host.lower()
