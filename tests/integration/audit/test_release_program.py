"""``python -m services.audit.release`` against real streams and processors."""

from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import store
from services.contracts import subjects
from services.contracts.assignments import Line
from services.contracts.events import PaymentReleased, encode
from services.dispatcher.core.ownership import next_view
from services.records.history import RELEASES_MAX, releases_of
from tests.integration.audit.audit_programs import AtTerminal, Ended, House
from tests.unit.audit.paid import AT

RELEASE = "services.audit.release"
OPTION = "--i-accept-the-risk-of-a-double-charge"
TO_FALLBACK = ("--to", "fallback", "--reason", "default is gone for good")


async def stuck(house: House) -> str:
    """Return the id of a payment that is bound to a processor which will never answer."""
    payment_id = await in_doubt(house)
    house.default.kill()
    return payment_id


async def in_doubt(house: House) -> str:
    """Return the id of a payment that was taken over: its first owner may have charged it."""
    payment_id = await house.accept()
    for _ in range(2):
        await house.assign(payment_id, "default")
    return payment_id


async def by_option(house: House, payment_id: str, to: str = "fallback") -> Ended:
    """Release it without a person."""
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
    """The event is stored, then the log says the other processor, as a dispatcher reads it."""
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


async def test_an_unassigned_payment_is_not_released(house: House) -> None:
    """It waits in the stream, and a dispatcher may send it anywhere."""
    payment_id = await house.accept()
    ended = await by_option(house, payment_id)
    assert ended.status == 1, ended
    assert "assigned to no processor" in ended.out
    assert await nothing_written(house, payment_id)


async def test_no_dispatcher_no_release(house: House) -> None:
    """They read what a payment is assigned to: without one nothing is known, and nothing is written."""
    payment_id = await stuck(house)
    await house.bus.close()
    ended = await by_option(house, payment_id)
    assert ended.status == 3, ended
    assert "no dispatcher runs" in ended.err


async def test_a_later_line_of_the_former_owner_is_void(house: House) -> None:
    """A line that follows its own last line is void for every reader."""
    payment_id = await stuck(house)
    before = house.view(payment_id)
    assert before is not None
    assert (await by_option(house, payment_id)).status == 0
    late = next_view(house.view(payment_id), Line(payment_id, 1, "default/1", before.last), 99, before.owner, set())
    assert late is None


async def test_released_by_a_person(house: House) -> None:
    """After answering yes and typing the end of the id."""
    payment_id = await stuck(house)
    async with AtTerminal.of(house, RELEASE, payment_id, *TO_FALLBACK) as terminal:
        await terminal.until("(yes/no)")
        terminal.type("yes")
        await terminal.until("last 12 characters")
        assert await nothing_written(house, payment_id, "default/1")
        terminal.type(payment_id[-12:])
        assert await terminal.status() == 0
    assert released_to(house, payment_id) == "fallback"


async def test_without_confirmation_nothing_is_released(house: House) -> None:
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


async def test_changed_by_a_dispatcher_meanwhile(house: House) -> None:
    """The line must follow what the operator saw."""
    payment_id = await stuck(house)
    async with AtTerminal.of(house, RELEASE, payment_id, *TO_FALLBACK) as terminal:
        await terminal.until("(yes/no)")
        await house.assign(payment_id, "default")  # taken over
        terminal.type("yes")
        await terminal.until("last 12 characters")
        terminal.type(payment_id[-12:])
        assert await terminal.status() == 1
        await terminal.until("Look at it again.")
    assert await nothing_written(house, payment_id, "default/1")


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
        await terminal.until("settled already, at default")
    assert await nothing_written(house, payment_id, "default/1")


async def test_a_paused_processor_is_warned_about_before_the_question(house: House) -> None:
    """With who paused it and what that means for the payment."""
    payment_id = await stuck(house)
    pause = await house.run("services.audit.processors", "pause", "fallback", "--reason", "their maintenance")
    assert pause.status == 0, pause
    ended = await by_option(house, payment_id)
    assert ended.status == 0, ended
    warning = "(their maintenance): a payment released to it waits there until it is resumed."
    assert 0 < ended.out.index("fallback is paused since") < ended.out.index(warning) < ended.out.index("Released: ")


async def test_no_terminal_and_no_option(house: House) -> None:
    """The command prints what is known, the risk, and the option that is missing."""
    payment_id = await stuck(house)
    ended = await house.run(RELEASE, payment_id, *TO_FALLBACK)
    assert ended.status == 1
    assert f"{OPTION} {payment_id}" in ended.out
    assert "at default: unanswered" in ended.out
    assert await nothing_written(house, payment_id, "default/1")


async def test_refused_where_nothing_needs_releasing(house: House) -> None:
    """Each with its reason, although the option is given; nothing is written."""
    settled, refused = await house.settle("default"), await house.refuse("default")
    at_home, elsewhere, waiting = [await in_doubt(house) for _ in range(3)]
    house.default.book(at_home)
    house.fallback.book(elsewhere)
    unknown = "00000000-0000-4000-8000-000000000000"
    for payment_id, to, why in [
        (settled, "fallback", "settled already, at default"),
        (refused, "fallback", "refused already, by default"),
        (unknown, "fallback", "no such payment"),
        (waiting, "third", "There is no processor third; there are default, fallback"),
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
    """A command line copied from another release releases nothing."""
    payment_id, other = await house.accept(), await house.accept()
    ended = await house.run(RELEASE, payment_id, *TO_FALLBACK, OPTION, other)
    assert ended.status == 2
    assert await nothing_written(house, payment_id)


async def test_a_released_payment_charged_twice_is_found_by_an_audit(house: House) -> None:
    """What the operator risked came true: the audit names it, with the release beside it."""
    payment_id = await in_doubt(house)
    assert (await by_option(house, payment_id)).status == 0
    house.default.book(payment_id)
    house.fallback.book(payment_id)
    await house.settle("fallback", payment_id)
    ended = await house.audit("--json")
    assert ended.status == 1
    assert {line["finding"] for line in ended.documents} == {"charged_twice", "released", "settled_still_waiting"}
    assert ended.documents[0]["releases"][0]["to"] == "fallback"


async def test_of_very_many_releases_the_first_and_the_newest_are_read(house: House) -> None:
    """Each try of one whose line cannot be written is one more."""
    payment_id = await house.accept()
    assert await releases_of(house.bus, payment_id) == ()
    events = [PaymentReleased(payment_id, "default", f"p{number}", "", AT) for number in range(RELEASES_MAX + 2)]
    for event in events:
        await store(house.bus, subjects.SETTLEMENTS, subjects.released(payment_id), encode(event))
    assert await releases_of(house.bus, payment_id) == (*events[:RELEASES_MAX], events[-1])
