"""Operators pause, resume, move and release by command; each is recorded in a log from which nobody may delete."""

import json
import os
import pwd
from dataclasses import replace
from decimal import Decimal

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import ensure_streams
from services.contracts import subjects
from services.contracts.processor import Processor
from services.contracts.processor_entry import ProcessorEntry, seeded
from services.records.processors import ProcessorBucket
from tests.conftest import LIMITS
from tests.integration.audit.audit_programs import AtTerminal, Ended, House
from tests.integration.audit.test_release_program import OPTION, TO_FALLBACK, stuck

ME = f"open/{pwd.getpwuid(os.getuid()).pw_name}"
PAUSE = ("pause", "default", "--reason", "their maintenance")


async def charging(house: House) -> ProcessorBucket:
    """Seed the bucket with both processors, as a dispatcher does."""
    bucket = ProcessorBucket(house.bus)
    for order, (name, running) in enumerate(house.processors.items()):
        entry = seeded(None, Processor(name, running.url, Decimal("0.05")), order)
        await bucket.change(name, lambda _, entry=entry: entry)  # type: ignore[misc]  # each its own
    return bucket


async def entry_of(bucket: ProcessorBucket, name: str = "default") -> ProcessorEntry:
    """Return the entry as it is now."""
    return (await bucket.read())[name].entry


async def processors(house: House, *arguments: str) -> Ended:
    """Run the command."""
    return await house.run("services.audit.processors", *arguments)


async def logged(house: House, *arguments: str) -> list[dict[str, str]]:
    """Return the log's events, by the command with --json."""
    ended = await house.run("services.audit.log", "--json", *arguments)
    assert ended.status == 0, ended
    return [json.loads(line) for line in ended.out.splitlines()]


def steps(events: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    """Return each event's kind, target and step."""
    return [(event["kind"], event["target"], event["step"]) for event in events]


async def test_paused_by_command_and_resumed(house: House) -> None:
    """The bucket says who and why, the list shows it, and the log has it before and after it was done."""
    bucket = await charging(house)
    ended = await processors(house, *PAUSE)
    assert (ended.status, ended.err) == (0, "")
    assert "no restart resumes it" in ended.out
    paused = await entry_of(bucket)
    assert (paused.state, paused.by, paused.reason) == ("paused", ME, "their maintenance")
    listed = (await processors(house)).out
    assert "paused: nothing new" in listed
    assert f"by {ME} since 20" in listed
    assert "their maintenance" in listed
    rows = [json.loads(line) for line in (await processors(house, "--json")).out.splitlines()]
    assert [(one["name"], one["state"], one["pause"] and one["pause"]["by"]) for one in rows] == [
        ("default", "paused", ME),
        ("fallback", "open", None),
    ]
    assert (await processors(house, "resume", "default")).status == 0
    assert (await entry_of(bucket)).state == "open"
    events = await logged(house)
    assert steps(events) == [(kind, "default", step) for kind in ("pause", "resume") for step in ("asked", "done")]
    assert {f"{event['user']}/{event['who']}" for event in events} == {ME}
    assert [event["reason"] for event in events] == ["their maintenance"] * 2 + [""] * 2
    assert len({event["id"] for event in events}) == 2


async def test_a_refusal_is_in_the_log_too(house: House) -> None:
    """With the reason; nothing was changed."""
    bucket = await charging(house)
    before = await bucket.read()
    for arguments in (
        ("pause", "nobody", "--reason", "x"),
        ("resume", "nobody"),
        ("move", "nobody", "--to", "http://x"),
    ):
        ended = await processors(house, *arguments)
        assert ended.status == 1
        assert "there is no processor nobody; there are default, fallback" in ended.out
    assert await bucket.read() == before
    events = await logged(house)
    assert [event["step"] for event in events] == ["asked", "refused"] * 3
    assert "there is no processor nobody" in events[1]["detail"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pause", "default"), "the following arguments are required: --reason"),
        (("pause", "default", "--reason", " "), "must be 1 to 500 printable characters"),
        (("pause", "default", "--reason", "x" * 501), "must be 1 to 500 printable characters"),
        (("pause", "default", "--reason", "a\x1b[2Jb"), "must be 1 to 500 printable characters"),
        (("resume",), "the following arguments are required: NAME"),
    ],
)
async def test_wrong_usage_is_refused_with_a_sentence(house: House, arguments: tuple[str, ...], sentence: str) -> None:
    """And not recorded either."""
    ended = await processors(house, *arguments)
    assert ended.status == 2
    assert sentence in ended.err
    assert (await stream_state(house.bus, subjects.OPERATIONS)).messages == 0


async def test_moves_and_releases_are_in_the_log(house: House) -> None:
    """With the target and the operator's reason."""
    await charging(house)
    assert (await processors(house, "move", "default", "--to", "http://127.0.0.1:9")).status == 0
    payment_id = await stuck(house)
    ended = await house.run("services.audit.release", payment_id, *TO_FALLBACK, OPTION, payment_id)
    assert ended.status == 0, ended
    events = await logged(house)
    assert steps(events) == [
        *(("move", "default", step) for step in ("asked", "done")),
        *(("release", payment_id, step) for step in ("asked", "done")),
    ]
    assert (events[0]["detail"], events[2]["detail"]) == ("http://127.0.0.1:9", "from default to fallback")
    assert events[2]["reason"] == "default is gone for good"


async def test_what_cannot_be_recorded_is_not_done(house: House) -> None:
    """A full log says so, and how to make room; the processor is unchanged."""
    bucket = await charging(house)
    await ensure_streams(house.bus, replace(LIMITS, operations_bytes_max=1024), [subjects.OPERATIONS])
    while isinstance(await store(house.bus, subjects.OPERATIONS, "operations.x", bytes(100)), StoredAt):
        pass
    payment_id = await stuck(house)
    release = await house.run("services.audit.release", payment_id, *TO_FALLBACK, OPTION, payment_id)
    for ended in (await processors(house, *PAUSE), release):
        assert ended.status == 3
        assert "could not be recorded, so nothing was done: OPERATIONS has no room" in ended.err
        assert "larger OPERATIONS_BYTES_MAX" in ended.err
    assert (await entry_of(bucket)).state == "open"
    assert await house.release_event(payment_id) is None


async def test_nothing_leaves_the_log(house: House) -> None:
    """The server refuses to delete or purge, for every user."""
    await charging(house)
    await processors(house, *PAUSE)
    for path, request in (("STREAM.PURGE", {}), ("STREAM.MSG.DELETE", {"seq": 1})):
        with pytest.raises(api.ApiError, match="not permitted"):
            await api.call(house.bus, f"{path}.{subjects.OPERATIONS}", request)
    assert len(await logged(house)) == 2


async def test_the_log_is_printed_from_a_time_on_and_followed(house: House) -> None:
    """As lines for people."""
    await charging(house)
    await processors(house, *PAUSE)
    assert len(await logged(house, "--since", "1h")) == 2
    assert await logged(house, "--since", "2999-01-01T00:00:00Z") == []
    wrong = await house.run("services.audit.log", "operators", "--since", "yesterday")
    assert wrong.status == 2
    assert "must be 90s, 15m, 1h, 7d, or ISO 8601" in wrong.err
    async with AtTerminal.of(house, "services.audit.log", "operators", "--follow") as terminal:
        await terminal.until("their maintenance")
        assert f"asked    pause      {ME}" in terminal.screen
        await processors(house, "resume", "default")
        await terminal.until(f"done     resume     {ME}")
        terminal.press_ctrl_c()
        assert await terminal.status() == 0
