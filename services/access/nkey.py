"""An NKey of NATS: an Ed25519 key, written as a user's seed (``SU...``) or as its public half (``U...``).

The package ``nkeys`` would do the same around the same library, but is no wheel, and the image takes nothing else.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Self

_SEED, _USER = 18 << 3, 20 << 3
_PREFIX = bytes((_SEED | _USER >> 5, (_USER & 31) << 3))
_KEY_BYTES = 32
_CHECK_BYTES = 2
_INBOX_CHARS = 12  # of the public key: 55 random bits distinguish users, and each answer carries them
_WRITTEN = re.compile(r"^\s*(SU[A-Z2-7]{56})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NKey:
    """A user's key; ``seed`` is the secret."""

    seed: str = field(repr=False)
    public: str

    @classmethod
    def new(cls) -> Self:
        """Return a key that nobody has."""
        from nacl.utils import random  # noqa: PLC0415  # as in _signing

        return cls.from_text(_written(_PREFIX + random(_KEY_BYTES)))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a seed, alone or on a line of its own in a file of the ``nats`` or ``nsc`` tools.

        Raises:
            ValueError: there is none; the text of the error does not repeat the content.
        """
        found = _WRITTEN.search(text)
        if found is None:
            raise ValueError("has no user's NKey seed: a line of 58 characters that begins with SU")
        seed = found[1]
        public = bytes(_signing(seed).verify_key)
        return cls(seed, _written(bytes((_USER,)) + public))

    @property
    def inbox(self) -> str:
        """Where this user's answers come: what its public key begins with, so that no two users share one."""
        return inbox_of(self.public)

    def sign(self, nonce: str) -> bytes:
        """Return the signature of what the server asks to be signed, as it wants it written."""
        return base64.b64encode(_signing(self.seed).sign(nonce.encode()).signature)


def inbox_of(public: str) -> str:
    """Return the prefix of the inboxes of the user with this public key."""
    return f"_INBOX.{public[:_INBOX_CHARS]}"


def _signing(seed: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  # its type would import it
    from nacl.signing import SigningKey  # noqa: PLC0415  # a MiB, which services of an open server do not need

    raw = base64.b32decode(f"{seed}======")
    key, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    if binascii.crc_hqx(key, 0).to_bytes(_CHECK_BYTES, "little") != check or not key.startswith(_PREFIX):
        raise ValueError("has an NKey seed that was mistyped: its checksum is wrong")
    return SigningKey(key[len(_PREFIX) :])


def _written(key: bytes) -> str:
    return base64.b32encode(key + binascii.crc_hqx(key, 0).to_bytes(_CHECK_BYTES, "little")).decode().rstrip("=")
