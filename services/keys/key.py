"""What an API key is: a random secret that its client has, and what is stored of it here. Pure but for the randomness.

A secret has 256 random bits, so nobody can try all of them: a plain SHA-256 is as good as a slow hash of passwords, and
is checked within a microsecond for every payment. Who reads the file learns no secret from it.
"""

import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, ValidationError, json

from services.contracts.events import Instant

Scope = Literal["pay", "read", "operate"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
RATE_LEAST, RATE_MOST = 0.001, 1_000_000
NAME_PATTERN = r"[A-Za-z0-9_.-]{1,64}"

_PREFIX = "tarifa_"  # so that who finds one in a log, or searches a repository for them, knows it for what it is
_SECRET_BYTES = 32

Name = Annotated[str, Meta(pattern=rf"^{NAME_PATTERN}$(?!\n)")]


class Key(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``sha256`` is of the whole secret, in hexadecimal. ``rate_per_s``: so many requests a second, ``burst`` at once.

    Both are counted by each ingress instance for itself.
    """

    name: Name
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    rate_per_s: Annotated[float, Meta(ge=RATE_LEAST, le=RATE_MOST)]
    burst: Annotated[int, Meta(ge=1, le=RATE_MOST)]
    created_at: Instant


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[Key, ...]


_decoder: json.Decoder[_File] = json.Decoder(_File)


def new_secret() -> str:
    """Return a new secret; nothing in it says whose it is."""
    return _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hash_of(secret: bytes) -> str:
    """Return what is stored of a secret: its SHA-256 in hexadecimal, without a salt (decision 39)."""
    return sha256(secret).hexdigest()


def decode(text: str | bytes) -> tuple[Key, ...]:
    """Read a file of keys.

    Raises:
        ValueError: it is none, or two keys have one name or one secret; says what is wrong.
    """
    try:
        keys = _decoder.decode(text).keys
    except (ValidationError, ValueError, RecursionError) as error:
        raise ValueError(f"is not a file of keys: {error}") from None
    for what, values in (("name", [key.name for key in keys]), ("hash", [key.sha256 for key in keys])):
        if (twice := _first_twice(values)) is not None:
            raise ValueError(f"has two keys with the {what} {twice}")
    return keys


def encode(keys: Iterable[Key]) -> str:
    """Return them as a file of keys."""
    return json.format(json.encode(_File(tuple(keys))), indent=1).decode() + "\n"


def _first_twice(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
