"""``python -m services.audit.release`` against real streams and processors."""

from services.audit.adapters.release_records import UNASSIGNED, ReleaseRecords
from services.audit.core.releasing import Bound
from services.bus.jetstream.lookup import last_for
from services.contracts import subjects
from services.contracts.assignments import Line
from services.contracts.events import PaymentReleased
from services.dispatcher.core.ownership import next_view
from tests.integration.audit.audit_programs import AT, AtTerminal, Ended, House

RELEASE = "services.audit.release"
OPTION = "--i-accept-the-risk-of-a-double-charge"
TO_FALLBACK = ("--to", "fallback", "--reason", "default is gone for good")


async def stuck(house: House) -> str:
    """Return the id of a payment that is assigned to a processor which will never answer."""
    payment_id = await house.accept()
    await house.assign(payment_id, "default")
    house.default.kill()
    return payment_id


async def by_option(house: House, payment_id: str, to: str = "fallback") -> Ended:
    """Release it without a terminal."""
    return await house.run(RELEASE, payment_id, "--to", to, "--reason", "default is gone for good", OPTION, payment_id)


async def nothing_written(house: House, payment_id: str, assigned: str | None = None) -> bool:
    """Return whether neither event nor line was written."""
    view = house.view(payment_id)
    return await house.release_event(payment_id) is None and (view and view.generation) == assigned


def released_to(house: House, payment_id: str) -> str | None:
    """Return where the log says that it was released to."""
    view = house.view(payment_id)
    return view.released_to if view else None


async def test_released_by_option(house: House) -> None:
    """The event is stored, then a dispatcher reads the other processor in the log."""
    payment_id = await stuck(house)
    ended = await by_option(house, payment_id)
    assert ended.status == 0, ended
    assert "WHAT THIS RISKS" in ended.out
    assert "Released" in ended.out
    event = await house.release_event(payment_id)
    assert event is not None
    assert (event.from_processor, event.to_processor) == ("default", "fallback")
    assert event.reason == "default is gone for good"
    assert released_to(house, payment_id) == "fallback"
    pattern = subjects.any_settlement(payment_id)
    assert await last_for(house.bus, subjects.SETTLEMENTS, pattern) is None, "a release is no settlement"


async def test_a_payment_without_an_assignment_is_not_released(house: House) -> None:
    """It waits in the stream, and goes where it can be settled."""
    payment_id = await house.accept()
    ended = await by_option(house, payment_id)
    assert ended.status == 1, ended
    assert "assigned to no processor" in ended.out
    assert await nothing_written(house, payment_id)


async def test_without_a_dispatcher_nothing_is_released(house: House) -> None:
    """Dispatchers read assignments: without one nothing is known, and nothing is written."""
    payment_id = await stuck(house)
    await house.bus.close()
    ended = await by_option(house, payment_id)
    assert ended.status == 3, ended
    assert "no dispatcher runs" in ended.err


async def test_the_previous_owner_has_lost_it(house: House) -> None:
    """What it writes after its own line is void for every reader."""
    payment_id = await stuck(house)
    before = house.view(payment_id)
    assert before is not None
    assert (await by_option(house, payment_id)).status == 0
    late = next_view(house.view(payment_id), Line(payment_id, 1, "default/1", before.last), 99, before.owner, set())
    assert late is None


async def test_released_by_a_person(house: House) -> None:
    """Who answers yes, and then types the end of the id."""
    payment_id = await stuck(house)
    async with AtTerminal.of(house, RELEASE, payment_id, *TO_FALLBACK) as terminal:
        await terminal.until("(yes/no)")
        terminal.type("yes")
        await terminal.until("last 12 characters")
        assert await nothing_written(house, payment_id, "default/1")
        terminal.type(payment_id[-12:])
        assert await terminal.status() == 0
    assert released_to(house, payment_id) == "fallback"


async def test_a_person_who_does_not_confirm(house: House) -> None:
    """No, another id, and Ctrl-C change nothing."""
    payment_id = await stuck(house)
    async with AtTerminal.of(house, RELEASE, payment_id, *TO_FALLBACK) as terminal:
        await terminal.until("(yes/no)")
        terminal.type("y")
        assert await terminal.status() == 1
    async with AtTerminal.of(house, RELEASE, payment_id, *TO_FALLBACK) as terminal:
        await terminal.until("(yes/no)")
        terminal.type("yes")
        await terminal.until("last 12 characters")
        terminal.type("yes")
        assert await terminal.status() == 1
        await terminal.until("Nothing was changed.")
    async with AtTerminal.of(house, RELEASE, payment_id, *TO_FALLBACK) as terminal:
        await terminal.until("(yes/no)")
        terminal.press_ctrl_c()
        assert await terminal.status() == 3
    assert await nothing_written(house, payment_id, "default/1")


async def test_a_line_written_meanwhile_is_a_conflict(house: House) -> None:
    """The line must follow the one that the operator saw; what was attempted stays recorded."""
    payment_id = await stuck(house)
    async with AtTerminal.of(house, RELEASE, payment_id, *TO_FALLBACK) as terminal:
        await terminal.until("(yes/no)")
        await house.assign(payment_id, "default")  # taken over
        terminal.type("yes")
        await terminal.until("last 12 characters")
        terminal.type(payment_id[-12:])
        assert await terminal.status() == 1
        await terminal.until("Look at it again.")
    assert released_to(house, payment_id) == ""
    assert await house.release_event(payment_id) is not None


async def test_settled_meanwhile(house: House) -> None:
    """It was settled while the operator was reading."""
    payment_id = await stuck(house)
    async with AtTerminal.of(house, RELEASE, payment_id, *TO_FALLBACK) as terminal:
        await terminal.until("(yes/no)")
        await house.settle("default", payment_id)
        terminal.type("yes")
        await terminal.until("last 12 characters")
        terminal.type(payment_id[-12:])
        assert await terminal.status() == 1
        await terminal.until("settled or refused already")
    assert await nothing_written(house, payment_id, "default/1")


async def test_no_terminal_and_no_option(house: House) -> None:
    """It shows what is known and the risk, and which option to give."""
    payment_id = await stuck(house)
    ended = await house.run(RELEASE, payment_id, *TO_FALLBACK)
    assert ended.status == 1
    assert f"{OPTION} {payment_id}" in ended.out
    assert "at default: unanswered" in ended.out
    assert await nothing_written(house, payment_id, "default/1")


async def test_refused_where_no_release_is_needed(house: House) -> None:
    """Each with its reason, even with the option; nothing is written."""
    settled, refused = await house.settle("default"), await house.refuse("default")
    at_home, elsewhere, waiting = await house.accept(), await house.accept(), await house.accept()
    for assigned in (at_home, elsewhere, waiting):
        await house.assign(assigned, "default")
    house.default.book(at_home)
    house.fallback.book(elsewhere)
    unknown = "00000000-0000-4000-8000-000000000000"
    for payment_id, to, why in [
        (settled, "fallback", "settled or refused already"),
        (refused, "fallback", "settled or refused already"),
        (unknown, "fallback", "no such payment"),
        (waiting, "third", "third is not in PROCESSORS"),
        (waiting, "default", "assigned to default already"),
        (at_home, "fallback", "a dispatcher will settle it there"),
        (elsewhere, "fallback", "would be charged twice"),
    ]:
        ended = await by_option(house, payment_id, to)
        assert ended.status == 1, ended
        assert why in ended.out
        assert "WHAT THIS RISKS" not in ended.out
        assert await house.release_event(payment_id) is None


async def test_the_option_must_name_the_payment(house: House) -> None:
    """A command line copied from yesterday releases nothing."""
    payment_id, other = await house.accept(), await house.accept()
    ended = await house.run(RELEASE, payment_id, *TO_FALLBACK, OPTION, other)
    assert ended.status == 2
    assert await nothing_written(house, payment_id)


async def test_a_released_payment_charged_twice_is_found_by_an_audit(house: House) -> None:
    """The risk came true: the audit reports the double charge, with the release beside it."""
    payment_id = await house.accept()
    await house.assign(payment_id, "default")
    assert (await by_option(house, payment_id)).status == 0
    house.default.book(payment_id)
    house.fallback.book(payment_id)
    await house.settle("fallback", payment_id)
    ended = await house.audit("--json")
    assert ended.status == 1
    assert {each["finding"] for each in ended.documents} == {"charged_twice", "released", "settled_still_waiting"}
    assert ended.documents[0]["releases"][0]["to"] == "fallback"


class HangingAtFirst(ReleaseRecords):
    """As if the only dispatcher hung when the line was written, and continued a moment later."""

    hung = False

    async def bound(self, payment_id: str) -> Bound:
        """The first time, return what is returned when no dispatcher answers."""
        if self.hung:
            return await super().bound(payment_id)
        self.hung = True
        return UNASSIGNED


async def test_a_dispatcher_that_hangs_does_not_make_a_release_fail(house: House) -> None:
    """The line is stored and will be read: "not released" would be false, and a second charge a surprise."""
    payment_id = await stuck(house)
    records = HangingAtFirst(house.bus)
    view = house.view(payment_id)
    assert view is not None
    event = PaymentReleased(payment_id, "default", "fallback", "default is gone for good", AT)
    assert await records.release(event, 1, view.last)
    assert released_to(house, payment_id) == "fallback"
