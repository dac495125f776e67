"""The contents of a file of keys, and what is stored of a secret."""

from datetime import UTC, datetime

import pytest

from services.keys.key import Key, decode, encode, hash_of, new_secret

KEY = Key("shop", hash_of(b"one"), ("pay", "read"), 0.5, 3, datetime(2026, 11, 26, 12, tzinfo=UTC))


def written(**changed: object) -> str:
    """Return a file of one key with other fields."""
    fields = {"name": "shop", "sha256": KEY.sha256, "scopes": ["pay"], "ratePerS": 1, "burst": 1, **changed}
    fields = {"createdAt": "2026-11-26T12:00:00Z", **fields}
    return '{"keys": [' + str(fields).replace("'", '"') + "]}"


def test_a_file_is_read_as_it_was_written() -> None:
    """All fields, in order; an empty list is valid too."""
    other = Key("till.2", hash_of(b"two"), ("operate",), 1_000_000, 1_000_000, KEY.created_at)
    assert decode(encode((KEY, other))) == (KEY, other)
    assert decode(encode(())) == ()
    assert decode(written())[0].scopes == ("pay",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"keys": {}}',
        '{"keys": [], "more": 1}',
        "[" * 100_000,
        written(name="a b"),
        written(name="a\\n"),
        written(sha256="ab"),
        written(sha256=KEY.sha256.upper()),
        written(scopes=[]),
        written(scopes=["admin"]),
        written(ratePerS=0),
        written(ratePerS=2_000_000),
        written(burst=0),
        written(more="x"),
        written(createdAt="2026-11-26T12:00:00"),
    ],
)
def test_what_is_not_a_file_of_keys_is_rejected(text: str) -> None:
    """An unknown field may be a limit that somebody relies on."""
    with pytest.raises(ValueError, match="is not a file of keys"):
        decode(text)


@pytest.mark.parametrize(("name", "secret", "what"), [("shop", b"two", "name"), ("till", b"one", "hash")])
def test_two_keys_with_the_same_name_or_secret_are_rejected(name: str, secret: bytes, what: str) -> None:
    """Revoking one of them would leave the other."""
    twin = Key(name, hash_of(secret), ("pay",), 1, 1, KEY.created_at)
    with pytest.raises(ValueError, match=f"two keys with the {what}"):
        decode(encode((KEY, twin)))


def test_a_secret_has_256_random_bits_and_is_not_stored() -> None:
    """43 characters of 6 bits after the prefix that marks a key."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret.removeprefix("tarifa_")) for secret in secrets} == {43}
    assert all(secret not in encode((KEY,)) for secret in secrets)
