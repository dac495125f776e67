"""Who may do what: by keys, or without them if the settings say so. Pure: keys and time are passed in."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from hmac import compare_digest
from typing import NamedTuple

from services.ingress.core.bucket import Bucket
from services.ingress.core.call import Call, comes_from_elsewhere, is_loopback, may_use_cookie, secret_of
from services.keys.key import Key, Scope, hash_of

UNAUTHORIZED = 401
FORBIDDEN = 403
MISDIRECTED_REQUEST = 421
TOO_MANY_REQUESTS = 429


class Access(Enum):
    """Who needs a key.

    LOOPBACK: nobody, for only this machine reaches us; another site's page may lead a browser here under a name of its
    own, which is refused. OPEN: nobody, under any name.
    """

    KEYS = "keys"
    LOOPBACK = "loopback"
    OPEN = "open"


class Caller(NamedTuple):
    """The caller, by the name of the key, None if none is needed; ``sha256`` distinguishes keys of the same name."""

    key_name: str | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """A request that is not carried out because of its sender, or the way it was sent."""

    status: int
    slug: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


ANYBODY = Caller()
KEY_MISSING = Denied(
    UNAUTHORIZED, "key_missing", "Authorization: must be Bearer and an API key", {"WWW-Authenticate": "Bearer"}
)
KEY_UNKNOWN = Denied(
    UNAUTHORIZED,
    "key_unknown",
    "Authorization: the key is not known, or was revoked",
    {"WWW-Authenticate": 'Bearer error="invalid_token"'},
)
CROSS_SITE = Denied(
    FORBIDDEN,
    "cross_site",
    "a page of another origin sends this (Sec-Fetch-Site, Origin), in the name of the person who looks at it",
)
WRONG_HOST = Denied(
    MISDIRECTED_REQUEST,
    "wrong_host",
    "Host: must be localhost or an IP address of this machine, where no keys are needed (OPEN=loopback)",
)

DENIALS = ("key_missing", "key_unknown", "scope_missing", "too_many_requests", "cross_site", "wrong_host")


class Guard:
    """Checks each request; ``use`` replaces the keys, and from then on a removed one is refused."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._known: dict[str, tuple[Key, Bucket]] = {}

    @property
    def asks_for_keys(self) -> bool:
        """Whether callers need a key."""
        return self._access is Access.KEYS

    def use(self, keys: Iterable[Key], now_s: float) -> None:
        """Accept these keys and no others; a key whose limit stays the same keeps what it has used up of it."""
        before, self._known = self._known, {}
        for key in keys:
            known = before.get(key.sha256)
            is_same = known is not None and (known[0].rate_per_s, known[0].burst) == (key.rate_per_s, key.burst)
            bucket = known[1] if known is not None and is_same else Bucket(key.rate_per_s, key.burst, now_s)
            self._known[key.sha256] = (key, bucket)

    def judge(self, call: Call, scope: Scope, now_s: float) -> Caller | Denied:
        """Return the caller, if allowed; it counts against the key's limit."""
        if self._access is not Access.KEYS:
            return self._judge_open(call)
        secret = self._secret(call)
        if isinstance(secret, Denied):
            return secret
        found = self._find(secret)
        if found is None:
            return KEY_UNKNOWN
        key, bucket = found
        if scope not in key.scopes:
            return _scope_missing(key, scope)
        wait_s = bucket.take(now_s)
        return _too_many(key, wait_s) if wait_s else Caller(key.name, key.sha256)

    def signed_in(self, secret: str) -> Caller | Denied:
        """Return whose key this is, if it may open the page; otherwise the same denial as for a request."""
        found = self._find(secret)
        if found is None:
            return KEY_UNKNOWN
        key, _ = found
        return Caller(key.name, key.sha256) if "read" in key.scopes else _scope_missing(key, "read")

    def may_still(self, caller: Caller, scope: Scope) -> bool:
        """Return whether what was allowed earlier may continue."""
        if self._access is not Access.KEYS:
            return True
        known = self._known.get(caller.sha256)
        return known is not None and scope in known[0].scopes

    def may(self, call: Call, scope: Scope) -> bool:
        """Return whether the sender of a call that anybody may make has a scope; it counts against no limit."""
        if self._access is not Access.KEYS:
            return True
        secret = self._secret(call)
        found = None if isinstance(secret, Denied) else self._find(secret)
        return found is not None and scope in found[0].scopes

    def _judge_open(self, call: Call) -> Caller | Denied:
        if self._access is Access.LOOPBACK and not is_loopback(call.host):
            return WRONG_HOST
        return CROSS_SITE if comes_from_elsewhere(call) else ANYBODY

    def _secret(self, call: Call) -> str | Denied:
        # No other site's page can make a browser send a header of this kind; browsers send the cookie by themselves.
        if call.authorization is not None:
            return secret_of(call.authorization) or KEY_MISSING
        if call.cookie is None:
            return KEY_MISSING
        return call.cookie if may_use_cookie(call) else CROSS_SITE

    def _find(self, secret: str) -> tuple[Key, Bucket] | None:
        # Found by its hash: the time this takes reveals nothing about a secret that is not known already.
        digest = hash_of(secret.encode("utf-8", "replace"))
        found = self._known.get(digest)
        return found if found is not None and compare_digest(found[0].sha256, digest) else None


def _scope_missing(key: Key, scope: Scope) -> Denied:
    detail = f"the key {key.name} may {' and '.join(key.scopes)}; this needs {scope}"
    headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
    return Denied(FORBIDDEN, "scope_missing", detail, headers)


def _too_many(key: Key, wait_s: float) -> Denied:
    detail = f"the key {key.name} may send {key.rate_per_s:g} a second and {key.burst} at once to each instance"
    return Denied(TOO_MANY_REQUESTS, "too_many_requests", detail, {"Retry-After": str(math.ceil(wait_s))})
