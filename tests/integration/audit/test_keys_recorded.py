"""Keys added and revoked by command: in the operators' log where there is one, and said where there is not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from services.access.secret_file import read_secret, write_secret
from services.bus.jetstream.publish import Stored, store
from services.bus.jetstream.streams import ensure_streams
from services.contracts import subjects
from services.keys.key_file import read_keys
from tests.conftest import LIMITS
from tests.integration.audit.audit_programs import Ended, House

ADD = ("add", "shop", "--scope", "pay,read")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of keys that is not there yet."""
    return tmp_path / "keys" / "api_keys.json"


async def keys(house: House, path: Path, *arguments: str) -> Ended:
    """Run the command."""
    return await house.run("services.audit.keys", "--file", str(path), *arguments)


def names(path: Path) -> list[str]:
    """Return whose keys the file has."""
    return [key.name for key in read_keys(path)]


async def logged(house: House) -> list[tuple[str, str, str, str]]:
    """Return what the log has."""
    ended = await house.run("services.audit.log", "operators", "--json")
    assert ended.status == 0, ended
    events = [json.loads(line) for line in ended.out.splitlines()]
    return [(event["kind"], event["target"], event["step"], event["detail"]) for event in events]


async def fill_the_log(house: House) -> None:
    """Leave no room in it."""
    await ensure_streams(house.bus, replace(LIMITS, operations_bytes_max=1024), [subjects.OPERATIONS])
    while isinstance(await store(house.bus, subjects.OPERATIONS, "operations.x", bytes(100)), Stored):
        pass


async def test_a_key_added_and_revoked_is_in_the_log(house: House, path: Path) -> None:
    """With what it may; the secret is printed once and in no event. What is refused is there too."""
    added = await keys(house, path, *ADD)
    assert added.status == 0, added
    assert "NOT RECORDED" not in added.err
    secret = added.out.strip()
    assert secret.startswith("tarifa_")
    assert (await keys(house, path, *ADD)).status == 1
    assert (await keys(house, path, "revoke", "shop")).status == 0
    assert names(path) == []
    told = await logged(house)
    assert [each[:3] for each in told] == [
        ("key-add", "shop", "asked"),
        ("key-add", "shop", "done"),
        ("key-add", "shop", "asked"),
        ("key-add", "shop", "refused"),
        ("key-revoke", "shop", "asked"),
        ("key-revoke", "shop", "done"),
    ]
    assert told[0][3] == "may pay, read"
    assert "has a key named shop already" in told[3][3]
    assert secret not in json.dumps(told)


async def test_looking_at_keys_is_not_recorded(house: House, path: Path) -> None:
    """Nor is making an empty file."""
    assert (await keys(house, path, "init")).status == 0
    assert (await keys(house, path, "list")).status == 0
    assert await logged(house) == []


async def test_without_nats_a_key_is_changed_and_it_is_said_that_nobody_recorded_it(house: House, path: Path) -> None:
    """Keys are needed before the first start, and a stolen one must be revoked whatever else is down."""
    house.nats_url = "nats://127.0.0.1:1"
    for arguments, left in ((ADD, ["shop"]), (("revoke", "shop"), [])):
        ended = await keys(house, path, *arguments)
        assert ended.status == 0, ended
        assert "NOT RECORDED in the operators' log" in ended.err
        assert "no NATS at nats://127.0.0.1:1" in ended.err
        assert names(path) == left


async def test_where_it_cannot_be_recorded_no_key_is_added_and_one_is_revoked(house: House, path: Path) -> None:
    """NATS is there, and its log is full: what opens a door waits, what closes one does not."""
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


async def test_what_cannot_be_used_is_recorded_as_not_done(house: House, path: Path) -> None:
    """A file that is none is left as it is."""
    path.parent.mkdir()
    write_secret(path, "{}")
    ended = await keys(house, path, *ADD)
    assert ended.status == 2
    assert "is no file of keys" in ended.err
    assert read_secret(path) == "{}"
    assert [each[2] for each in await logged(house)] == ["asked", "refused"]
