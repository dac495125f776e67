"""Whether a payment may be released as one in doubt, and how often a release is recorded."""

import pytest
from msgspec.structs import replace

from services.contracts.releasing import Refusal
from services.dispatcher.core.doubt import Doubt
from services.dispatcher.flow.releasing import NotKnownError
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, DEAR, HOME, ID, SETTLED
from tests.unit.dispatcher.release_cases import CONFIRMED, EVENT, Ground, why

WENT_BACK = Doubt(payments_to=5, lines_to=2)


@pytest.fixture
def ground() -> Ground:
    """A payment in doubt at home."""
    return Ground()


async def test_a_release_whose_line_finds_no_room_is_recorded_once_however_often_it_is_repeated(ground: Ground) -> None:
    """SETTLEMENTS never loses a message: each repeat would be one more until ASSIGNMENTS has room again."""
    streams = ground.streams
    streams.has_room = False
    for _ in range(3):
        refused = (await ground.releasing.release(ID, DEAR, CONFIRMED)).refusal
        assert refused == Refusal("not_stored", "Nothing was released: no room.")
    assert streams.noted == [EVENT]
    await ground.releasing.release(ID, DEAR, replace(CONFIRMED, reason="another one"))
    assert streams.noted[1:] == [replace(EVENT, reason="another one", released_at=streams.events[-1].released_at)]
    streams.has_room = True
    answer = await ground.releasing.release(ID, DEAR, replace(CONFIRMED, reason="another one"))
    assert (answer.released, streams.noted[2:]) == (streams.events[-1], [(2, DEAR, 5)])


async def test_a_release_there_after_one_back_is_recorded_again(ground: Ground) -> None:
    """The record of the first one is not the newest."""
    streams = ground.streams
    first = (await ground.releasing.release(ID, DEAR, CONFIRMED)).released
    streams.assign(AT_DEAR)
    await ground.releasing.release(ID, HOME, replace(CONFIRMED, from_processor=DEAR, line=4))
    streams.assign(AT_HOME)
    again = (await ground.releasing.release(ID, DEAR, replace(CONFIRMED, line=6))).released
    assert again is not None
    assert [event.to_processor for event in streams.events] == [DEAR, HOME, DEAR]
    assert first != again


async def test_only_the_dispatcher_that_has_it_first_hand_knows_whether_it_is_in_doubt() -> None:
    """As long as that one sends pulses and does not answer, nothing is known and nothing done."""
    ground, confirmed = Ground(lines=1), replace(CONFIRMED, line=1)
    streams = ground.streams
    streams.in_doubt = None
    for asking in (ground.releasing.look(ID, DEAR), ground.releasing.release(ID, DEAR, confirmed)):
        with pytest.raises(NotKnownError, match="does not answer"):
            await asking
    streams.settled = SETTLED
    assert why(await ground.releasing.release(ID, DEAR, confirmed)) == "payment_settled"
    streams.settled, streams.in_doubt = None, False
    assert why(await ground.releasing.release(ID, DEAR, confirmed)) == "not_in_doubt"
    assert streams.noted == []
    streams.in_doubt = True
    assert why(await ground.releasing.release(ID, DEAR, confirmed)) is None


async def test_what_was_taken_over_is_in_doubt_whatever_a_dispatcher_knows(ground: Ground) -> None:
    """The process whose attempts were before is gone with their outcomes."""
    ground.streams.in_doubt = False
    assert why(await ground.releasing.release(ID, DEAR, CONFIRMED)) is None


async def test_if_the_store_goes_back_while_processors_are_asked_no_absence_counts(ground: Ground) -> None:
    """A charge may be under way whose line was lost: "not there" counts only after a while."""
    counts_in_ms = iter((0.0, 1.0))  # before they are asked, and after
    ground.streams.doubt = WENT_BACK
    ground.streams.absence_counts_in_ms = lambda: next(counts_in_ms)  # type: ignore[method-assign]
    assert why(await ground.releasing.release(ID, DEAR, CONFIRMED)) == "doubtful"
