"""The processors' entries: what a change of the settings, or an operator, makes of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.contracts.events import NotAnEventError
from services.contracts.processor import Processor
from services.contracts.processor_entry import (
    Pause,
    ProcessorEntry,
    closes,
    decode_entry,
    drained,
    encode_entry,
    generations_in,
    moved,
    paused,
    removed,
    renewed,
    resumed,
    seeded,
)

OLD, NEW = "http://old:8001", "http://new:8001"


def processor(url: str = OLD, fee: str = "0.05") -> Processor:
    """Return a processor as the settings name it."""
    return Processor("default", url, Decimal(fee))


FIRST = seeded(None, processor(), 0)


def test_a_new_name_is_the_first_generation() -> None:
    """There is nothing to close."""
    assert (FIRST.generation, FIRST.url, FIRST.state, FIRST.former) == (1, OLD, "open", {})
    assert closes(None, FIRST) is None


def test_another_fee_or_order_is_the_same_generation() -> None:
    """What is cheapest may change at any time."""
    after = seeded(FIRST, processor(fee="0.2"), 3)
    assert (after.generation, after.fee, after.order) == (1, "0.2", 3)
    assert closes(FIRST, after) is None


def test_another_url_is_another_generation_and_the_old_one_is_closed_and_kept() -> None:
    """An id is unique only within one processor."""
    after = seeded(FIRST, processor(NEW), 0)
    assert (after.generation, after.url, after.former) == (2, NEW, {"1": OLD})
    assert closes(FIRST, after) == 1


@pytest.mark.parametrize("spelling", ["http://OLD:8001/", "http://old:8001"])
def test_another_spelling_of_the_same_url_is_not_a_change(spelling: str) -> None:
    """The case of the host and a trailing slash do not matter."""
    assert seeded(FIRST, processor(spelling), 0).generation == 1


def test_a_moved_processor_keeps_its_address_while_its_settings_stay_the_same() -> None:
    """A restart undoes nothing; changed settings do."""
    at_new = moved(FIRST, NEW)
    assert (at_new.generation, at_new.url) == (1, NEW)
    assert closes(FIRST, at_new) is None
    assert seeded(at_new, processor(), 0) == at_new
    assert seeded(at_new, processor("http://third:1"), 0).former == {"1": NEW}


def test_a_removed_processor_is_closed_and_returns_as_another_generation() -> None:
    """Its URL stays for the payments assigned to it."""
    out = removed(FIRST)
    assert (out.state, out.former) == ("removed", {"1": OLD})
    assert closes(FIRST, out) == 1
    assert removed(out) == out
    back = seeded(out, processor(), 0)
    assert (back.state, back.generation, back.former) == ("open", 2, {"1": OLD})
    assert closes(out, back) is None, "it is closed already"


AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
PAUSE = Pause("me", "tests", AT)


def test_a_paused_processor_stays_paused_whatever_the_settings_say() -> None:
    """No restart resumes it; nor does removing it from the settings and adding it again."""
    held = paused(FIRST, PAUSE)
    for after in (
        seeded(held, processor(), 0),
        seeded(held, processor(NEW), 0),
        seeded(removed(held), processor(), 0),
        moved(held, NEW),
        renewed(held),
    ):
        assert (after.state, after.by, after.reason, after.paused_at) == ("paused", "me", "tests", AT)


def test_a_second_pause_replaces_the_reason_and_keeps_the_time() -> None:
    """Another operator may know the reason better."""
    again = paused(paused(FIRST, PAUSE), Pause("you", "more tests", LATER))
    assert (again.by, again.reason, again.paused_at) == ("you", "more tests", AT)


def test_a_resumed_processor_is_as_it_was_before_it_was_paused() -> None:
    """Nothing of the pause is left."""
    assert resumed(paused(FIRST, PAUSE)) == FIRST


def test_a_generation_has_its_pause() -> None:
    """An open one has no pause."""
    (held,) = generations_in({"default": paused(FIRST, PAUSE)})
    assert (held.state, held.pause) == ("paused", PAUSE)
    assert generations_in({"default": FIRST})[0].pause is None


def test_a_generation_closed_halfway_is_followed_by_the_next() -> None:
    """The move ended there: nothing more could be sent there."""
    after = renewed(FIRST)
    assert (after.generation, after.url, after.former) == (2, OLD, {"1": OLD})


def test_generations_are_ordered_by_fee_and_order_and_closing_ones_are_last() -> None:
    """Paused ones are there, and take nothing new."""
    entries = {
        "dear": ProcessorEntry("http://dear", "0.15", 0, 1, state="paused"),
        "twin": ProcessorEntry("http://twin", "0.05", 1, 1),
        "default": ProcessorEntry(NEW, "0.05", 0, 3, former={"2": OLD}),
        "gone": ProcessorEntry("http://gone", "0.01", 0, 1, state="removed", former={"1": "http://gone"}),
    }
    assert [(each.generation, each.state) for each in generations_in(entries)] == [
        ("default/3", "open"),
        ("twin/1", "open"),
        ("dear/1", "paused"),
        ("gone/1", "closing"),
        ("default/2", "closing"),
    ]


def test_what_is_drained_is_forgotten() -> None:
    """No unsettled line names it any more."""
    assert drained(removed(FIRST), ["1"]).former == {}


def test_an_entry_is_json_and_anything_else_is_rejected() -> None:
    """Public names, as in every message."""
    after = seeded(FIRST, processor(NEW), 0)
    assert decode_entry(encode_entry(after)) == after
    assert b'"seedUrl":"http://new:8001"' in encode_entry(after)
    with pytest.raises(NotAnEventError):
        decode_entry(b"{}")
