"""When a payment is released: every refusal, the order of what is written, and the same release once more."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.contracts.assignments import AssignmentReleased, Line
from services.contracts.events import PaymentRefused
from services.contracts.money import Cents
from services.contracts.releasing import Confirmed, Why, released_there
from services.dispatcher.core.assignment_log import RELEASES_KEPT_MAX, AssignmentLog
from services.dispatcher.core.doubt import Doubt
from services.dispatcher.core.outcome import Absent, Found, LookupFailed
from services.dispatcher.core.releasing import refusal
from services.dispatcher.flow.releasing import NotKnownError
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, DEAR, HOME, ID, NOON, SETTLED
from tests.unit.dispatcher.release_cases import CONFIRMED, EVENT, Ground, listed, why

WENT_BACK = Doubt(payments_to=5, lines_to=2)


@pytest.fixture
def ground() -> Ground:
    """A payment in doubt at home."""
    return Ground()


async def test_a_release_is_recorded_and_then_done(ground: Ground) -> None:
    """What happened is recorded, whatever fails in between; the line follows the one that was judged."""
    answer = await ground.releasing.release(ID, DEAR, CONFIRMED)
    assert (answer.released, answer.is_repeated) == (EVENT, False)
    assert ground.streams.noted == [EVENT, (2, DEAR, 5)]
    view = ground.streams.log.view(ID)
    assert view is not None
    assert (view.state, view.released_to) == ("free", DEAR)


async def test_a_look_returns_everything_and_changes_nothing(ground: Ground) -> None:
    """What waits, where it is assigned, whether it is in doubt, and each processor's answer."""
    answer = await ground.releasing.look(ID, DEAR)
    sight = answer.sight
    assert (answer.refusal, answer.released, ground.streams.noted) == (None, None, [])
    assert (sight.processor, sight.generation, sight.line, sight.in_doubt, sight.seq) == (HOME, AT_HOME, 2, True, 5)
    assert [(each.generation, each.answer) for each in sight.records] == [
        (AT_HOME, "unanswered"),
        (AT_DEAR, "notCharged"),
    ]


async def test_the_same_release_again_is_the_same_release(ground: Ground) -> None:
    """Right after it, when the payment is assigned there, and when it is settled there: nothing more is written."""
    first = await ground.releasing.release(ID, DEAR, CONFIRMED)
    streams = ground.streams
    written = list(streams.noted)
    for step in (lambda: None, lambda: streams.assign(AT_DEAR), lambda: setattr(streams, "settled", SETTLED)):
        step()
        again = await ground.releasing.release(ID, DEAR, replace(CONFIRMED, reason="in other words"))
        assert (again.released, again.is_repeated) == (first.released, True)
    assert streams.noted == written


async def test_a_release_that_was_recorded_and_not_done_is_done_when_repeated(ground: Ground) -> None:
    """Its process ended between the event and the line."""
    ground.streams.events = (EVENT,)
    answer = await ground.releasing.release(ID, DEAR, CONFIRMED)
    assert (answer.released, answer.is_repeated) == (EVENT, False)
    assert ground.streams.noted == [(2, DEAR, 5)]


async def test_a_release_from_before_another_one_is_not_done_again(ground: Ground) -> None:
    """An old request that arrives late finds the payment where others have released it to since."""
    await ground.releasing.release(ID, DEAR, CONFIRMED)
    streams = ground.streams
    streams.assign(AT_DEAR)
    streams.assign(AT_DEAR)
    back = await ground.releasing.release(ID, HOME, replace(CONFIRMED, from_processor=DEAR, line=5))
    assert back.released is not None
    streams.assign(AT_HOME)
    streams.assign(AT_HOME)
    assert why(await ground.releasing.release(ID, DEAR, CONFIRMED)) == "overtaken"


@pytest.mark.parametrize(
    "line", [Line(ID, 5, AT_HOME, after=2), AssignmentReleased(ID, 5, 2, "third", "", NOON)], ids=["taken", "released"]
)
async def test_any_line_that_was_written_first_makes_it_void(ground: Ground, line: Line | AssignmentReleased) -> None:
    """A dispatcher's line or another operator's; also if a dispatcher has assigned it again by then."""
    ground.streams.before_line = line
    assert why(await ground.releasing.release(ID, DEAR, CONFIRMED)) == "overtaken"
    view = ground.streams.log.view(ID)
    assert view is not None
    assert (view.last, view.released_to) == (3, line.to_processor if isinstance(line, AssignmentReleased) else "")


async def test_the_same_release_at_two_dispatchers_at_once_is_done_once_for_both(ground: Ground) -> None:
    """The second line is void, and its operator gets that it is released."""
    ground.streams.before_line = AssignmentReleased(ID, 5, 2, DEAR, "home is gone", NOON)
    answer = await ground.releasing.release(ID, DEAR, CONFIRMED)
    assert (answer.released, answer.is_repeated) == (EVENT, True)


async def test_a_release_is_recognised_where_a_void_one_was_recorded_after_it(ground: Ground) -> None:
    """Two operators at once: by the events alone the payment would be at the third."""
    first = await ground.releasing.release(ID, DEAR, CONFIRMED)
    streams = ground.streams
    streams.events = (*streams.events, replace(EVENT, to_processor="third"))
    sight = (await ground.releasing.look(ID, "")).sight
    assert released_there(sight) == first.released
    again = await ground.releasing.release(ID, DEAR, CONFIRMED)
    assert (again.released, again.is_repeated) == (first.released, True)
    assert why(await ground.releasing.release(ID, "third", CONFIRMED)) is not None


async def test_before_the_log_is_read_nothing_is_known(ground: Ground) -> None:
    """A dispatcher that has just started has read no line of it: "assigned to nobody" would be wrong."""
    ground.streams.is_caught_up = False
    for asking in (ground.releasing.look(ID, DEAR), ground.releasing.release(ID, DEAR, CONFIRMED)):
        with pytest.raises(NotKnownError, match="not read to its end"):
            await asking
    assert ground.streams.noted == []


async def test_before_its_line_is_read_a_releases_result_is_not_known(ground: Ground) -> None:
    """The line is stored: "not released" would be wrong, and could lead to a second charge."""
    ground.streams.is_read = False
    with pytest.raises(NotKnownError):
        await ground.releasing.release(ID, DEAR, CONFIRMED)


async def test_a_release_that_cannot_be_recorded_is_not_done(ground: Ground) -> None:
    """A full SETTLEMENTS leaves the payment where it is."""
    ground.streams.is_writable = False
    assert why(await ground.releasing.release(ID, DEAR, CONFIRMED)) == "not_stored"
    assert ground.streams.noted == []


async def test_a_release_that_is_needless_or_certainly_harmful_is_refused(ground: Ground) -> None:
    """Each with its own word; nothing is written."""
    found, refused = Found(Cents(1990), NOON), PaymentRefused(ID, Cents(1990), HOME, "no", NOON, 5)
    silent, streams = LookupFailed("silence"), ground.streams
    cases: list[tuple[Why, dict[str, Any], str, Confirmed]] = [
        ("not_a_processor", {}, "third", CONFIRMED),
        ("assigned_there", {}, HOME, CONFIRMED),
        ("assigned_elsewhere", {}, DEAR, replace(CONFIRMED, from_processor=DEAR)),
        ("overtaken", {}, DEAR, replace(CONFIRMED, line=1)),
        ("payment_settled", {"settled": SETTLED}, DEAR, CONFIRMED),
        ("payment_refused", {"settled": refused}, DEAR, CONFIRMED),
        ("no_such_payment", {"waits": None}, DEAR, CONFIRMED),
        ("doubtful", {"doubt": WENT_BACK, "answers": (silent, silent)}, DEAR, CONFIRMED),
        ("doubtful", {"doubt": WENT_BACK, "counts_in_ms": 1}, DEAR, CONFIRMED),
        ("charged", {"answers": (found, Absent())}, DEAR, CONFIRMED),
        ("charged", {"answers": (silent, found)}, DEAR, CONFIRMED),
        ("charged", {"answers": (Absent(), LookupFailed("gave another", is_there=True))}, DEAR, CONFIRMED),
    ]
    for expected, change, to, confirmed in cases:
        kept = dict(vars(streams))
        vars(streams).update({name: value for name, value in change.items() if name != "answers"})
        ground.answer(*change.get("answers", (silent, Absent())))
        assert why(await ground.releasing.release(ID, to, confirmed)) == expected
        vars(streams).update(kept)
    assert streams.noted == []


async def test_a_payment_that_belongs_to_nobody_needs_no_release() -> None:
    """Never assigned, given back, or released before: a dispatcher will send it."""
    ground = Ground()
    ground.streams.log.settled(ID)  # no line of it any more
    assert why(await ground.releasing.release(ID, DEAR, CONFIRMED)) == "not_assigned"
    released = Ground()
    released.streams.write(AssignmentReleased(ID, 5, 2, DEAR, "", NOON))
    answer = await released.releasing.release(ID, DEAR, CONFIRMED)
    assert answer.refusal is not None
    assert "released to dear already" in answer.refusal.detail


async def test_one_that_was_released_to_a_processor_that_is_gone_is_released_again(ground: Ground) -> None:
    """No dispatcher can send it there; unless a processor has it, it may go to one that charges."""
    streams = ground.streams
    streams.write(AssignmentReleased(ID, 5, 2, "third", "", NOON))
    again = replace(CONFIRMED, from_processor="third", line=3)
    ground.answer(Found(Cents(1990), NOON), Absent())
    refused = (await ground.releasing.release(ID, DEAR, again)).refusal
    assert refused is not None
    assert "home has charged it, but it is assigned to third" in refused.detail
    ground.answer(LookupFailed("silence"), Absent())
    assert (await ground.releasing.look(ID, "")).refusal is None
    assert why(await ground.releasing.release(ID, DEAR, again)) is None
    view = streams.log.view(ID)
    assert view is not None
    assert (view.state, view.released_to) == ("free", DEAR)


async def test_released_after_the_store_went_back_where_all_others_have_not_charged_it(ground: Ground) -> None:
    """A dispatcher that has it in hand only asks about it; and of the silent one the operator has judged."""
    ground.streams.doubt = WENT_BACK
    assert why(await ground.releasing.release(ID, DEAR, CONFIRMED)) is None


async def test_an_earlier_url_of_the_same_name_is_another_processor(ground: Ground) -> None:
    """If the one that charges now has something under the id, the payment still waits for the earlier one."""
    sight = (await ground.releasing.look(ID, "")).sight
    elsewhere = replace(sight.records[1], generation="home/2", answer="charged")
    refused = refusal(replace(sight, records=(elsewhere,), processors=(listed(HOME, "home/2"), listed(DEAR))))
    assert refused is not None
    assert "at any other processor it would be charged twice" in refused.detail


def test_only_the_newest_releases_are_kept() -> None:
    """The author of one asks within seconds."""
    log = AssignmentLog()
    for at in range(1, RELEASES_KEPT_MAX + 2):
        log.read(AssignmentReleased(ID, 5, 0, DEAR, "", NOON), at)
    assert (log.counts(1), log.counts(2), log.counts(RELEASES_KEPT_MAX + 1)) == (None, False, False)
