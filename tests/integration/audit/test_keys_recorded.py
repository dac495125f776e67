"""Keys added and revoked by command: recorded in the operators' log, or reported as not recorded."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from services.access.secret_file import read_secret, write_secret
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.streams import ensure_streams
from services.contracts import subjects
from services.keys.key_file import read_keys
from tests.conftest import LIMITS
from tests.integration.audit.audit_programs import Ended, House

ADD = ("add", "shop", "--scope", "pay,read")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of keys that does not exist yet."""
    return tmp_path / "keys" / "api_keys.json"


async def keys(house: House, path: Path, *arguments: str) -> Ended:
    """Run the command."""
    return await house.run("services.audit.keys", "--file", str(path), *arguments)


def names(path: Path) -> list[str]:
    """Return the names of the keys in the file."""
    return [key.name for key in read_keys(path)]


async def logged(house: House) -> list[tuple[str, str, str, str]]:
    """Return the events of the log."""
    ended = await house.run("services.audit.log", "operators", "--json")
    assert ended.status == 0, ended
    events = [json.loads(line) for line in ended.out.splitlines()]
    return [(event["kind"], event["target"], event["step"], event["detail"]) for event in events]


async def fill_the_log(house: House) -> None:
    """Leave no room in the log."""
    await ensure_streams(house.bus, replace(LIMITS, operations_bytes_max=1024), [subjects.OPERATIONS])
    while isinstance(await store(house.bus, subjects.OPERATIONS, "operations.x", bytes(100)), StoredAt):
        pass


async def test_a_key_added_and_revoked_is_in_the_log(house: House, path: Path) -> None:
    """With its scopes; the secret is printed once and is in no event. What is refused is recorded too."""
    added = await keys(house, path, *ADD)
    assert added.status == 0, added
    assert "NOT RECORDED" not in added.err
    secret = added.out.strip()
    assert secret.startswith("tarifa_")
    assert (await keys(house, path, *ADD)).status == 1
    assert (await keys(house, path, "revoke", "shop")).status == 0
    assert names(path) == []
    events = await logged(house)
    assert [each[:3] for each in events] == [
        ("key-add", "shop", "asked"),
        ("key-add", "shop", "done"),
        ("key-add", "shop", "asked"),
        ("key-add", "shop", "refused"),
        ("key-revoke", "shop", "asked"),
        ("key-revoke", "shop", "done"),
    ]
    assert events[0][3] == "may pay, read"
    assert "has a key named shop already" in events[3][3]
    assert secret not in json.dumps(events)


async def test_listing_keys_is_not_recorded(house: House, path: Path) -> None:
    """Nor is creating an empty file."""
    assert (await keys(house, path, "init")).status == 0
    assert (await keys(house, path, "list")).status == 0
    assert await logged(house) == []


async def test_without_nats_a_key_is_changed_with_a_warning(house: House, path: Path) -> None:
    """Keys are needed before the first start, and a stolen one must be revoked whatever else is down."""
    house.nats_url = "nats://127.0.0.1:1"
    for arguments, left in ((ADD, ["shop"]), (("revoke", "shop"), [])):
        ended = await keys(house, path, *arguments)
        assert ended.status == 0, ended
        assert "NOT RECORDED in the operators' log" in ended.err
        assert "no NATS at nats://127.0.0.1:1 within 3 s; NATS_URL, NATS_CREDENTIALS and NATS_CA say how" in ended.err
        assert names(path) == left


async def test_what_cannot_be_recorded_revokes_a_key_but_adds_none(house: House, path: Path) -> None:
    """NATS is there and its log is full: what grants access waits, what takes it away does not."""
    assert (await keys(house, path, *ADD)).status == 0
    await fill_the_log(house)
    refused = await keys(house, path, "add", "another", "--scope", "pay")
    assert (refused.status, refused.out) == (3, "")
    assert "could not be recorded, so nothing was done: OPERATIONS has no room" in refused.err
    assert names(path) == ["shop"]
    revoked = await keys(house, path, "revoke", "shop")
    assert revoked.status == 0
    assert "NOT RECORDED" in revoked.err
    assert names(path) == []


async def test_an_unusable_file_is_recorded_as_not_done(house: House, path: Path) -> None:
    """A file that is not a file of keys is left as it is."""
    path.parent.mkdir()
    write_secret(path, "{}")
    ended = await keys(house, path, *ADD)
    assert ended.status == 2
    assert "is not a file of keys" in ended.err
    assert read_secret(path) == "{}"
    assert [each[2] for each in await logged(house)] == ["asked", "refused"]
