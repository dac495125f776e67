"""``python -m services.audit`` against real streams and processors, each kind of difference made for real."""

import asyncio
import re
import sys
from asyncio.subprocess import DEVNULL
from datetime import UTC, datetime, timedelta

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.state import stream_state
from services.contracts import subjects
from tests.integration.audit.audit_programs import AT, AtTerminal, Ended, House, stored
from tests.nats_server import PATIENCE_S, until

LATER = AT + timedelta(milliseconds=1)
HOUR = timedelta(hours=1)


def kinds(ended: Ended) -> dict[str, set[str]]:
    """Return the kinds of what was found, by id."""
    found: dict[str, set[str]] = {}
    for document in ended.documents:
        found.setdefault(document["id"], set()).add(document["finding"])
    return found


async def test_a_clean_audit(house: House) -> None:
    """Settled where it was charged, waiting and not charged, refused and not charged: no findings."""
    at_default, at_fallback = await house.settle("default"), await house.settle("fallback", stamp=LATER)
    house.default.book(at_default)
    house.fallback.book(at_fallback, stamp=LATER)
    await house.accept()
    await house.refuse("default")
    ended = await house.audit("--json")
    assert (ended.status, ended.documents) == (0, []), ended
    assert ended.summary["ids"] == ended.summary["asked"] == 4
    assert ended.summary["calls"] == 8
    assert ended.summary["complete"] is True


async def test_what_a_dispatcher_settled_is_clean(house: House) -> None:
    """Both sides' records are equal to the microsecond and the cent, at either processor."""
    for cents in range(1, 51):
        payment_id = await house.accept(cents=cents, at=datetime.now(UTC))
        if cents % 2:
            await house.assign(payment_id, "fallback")
    dispatcher = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.dispatcher", env=house.env, stderr=DEVNULL
    )

    async def is_empty() -> bool:
        return (await stream_state(house.bus, subjects.PAYMENTS)).messages == 0

    try:
        await until(is_empty, "all payments are settled")
    finally:
        dispatcher.terminate()
        await asyncio.wait_for(dispatcher.wait(), PATIENCE_S)
    ended = await house.audit("--json", "--last", "1d")
    assert (ended.status, ended.documents, ended.summary["ids"]) == (0, [], 50), ended


async def test_each_difference_is_named(house: House) -> None:
    """Every kind once, with its facts: a line each for people, a document each for programs."""
    twice, elsewhere, nowhere = [await house.settle("default") for _ in range(3)]
    amount, stamp = await house.settle("default", cents=1990), await house.settle("fallback")
    refused, contradicting = await house.refuse("fallback"), await house.settle("default")
    await house.settle("default", contradicting, stamp=LATER)
    waiting, both = await house.accept(), await house.accept()
    await house.settle("default", both)
    for payment_id in (twice, refused, contradicting, waiting, both):
        house.default.book(payment_id)
    house.default.book(amount, cents=1991)
    house.fallback.book(twice)
    house.fallback.book(elsewhere)
    house.fallback.book(stamp, stamp=LATER)

    ended = await house.audit("--json")
    assert kinds(ended) == {
        twice: {"charged_twice"},
        elsewhere: {"charged_elsewhere"},
        nowhere: {"settled_nowhere"},
        amount: {"amount_differs"},
        stamp: {"requested_at_differs"},
        refused: {"refused_but_charged"},
        contradicting: {"contradicting_settlements", "requested_at_differs"},
        waiting: {"waiting_but_charged"},
        both: {"settled_still_waiting"},
    }
    assert ended.status == 1
    assert ended.summary["differences"] == 8
    assert ended.summary["complete"] is True
    (finding,) = [document for document in ended.documents if document["id"] == amount]
    assert finding["settlements"][0]["amountCents"] == 1990
    assert finding["processors"]["default"]["amountCents"] == 1991

    plain = await house.audit()
    assert plain.status == 1
    lines = [line for line in plain.out.splitlines() if line.startswith("charged_twice ")]
    assert len(lines) == 1
    assert twice in lines[0]
    assert lines[0].count("charged 19.90 requestedAt 2026-11-22T12:00:00.123Z") == 2
    assert "differences  8: " in plain.out
    assert "reading SETTLEMENTS" in plain.err


async def test_information_alone_is_clean(house: House) -> None:
    """A settlement on its way is not a difference."""
    payment_id = await house.accept()
    house.default.book(payment_id)
    ended = await house.audit("--json")
    assert (ended.status, kinds(ended)) == (0, {payment_id: {"waiting_but_charged"}})


async def test_the_period_is_by_accepted_at(house: House) -> None:
    """Both ends inclusive; what was accepted outside is not asked about."""
    inside = {await house.settle("default", at=AT), await house.settle("default", at=AT + HOUR), await house.accept()}
    for at in (AT - timedelta(milliseconds=1), AT + HOUR + timedelta(milliseconds=1)):
        await house.settle("default", at=at)
        await house.accept(at=at)
    ended = await house.audit("--json", "--from", AT.isoformat(), "--to", (AT + HOUR).isoformat())
    assert ended.summary["ids"] == 3
    assert set(kinds(ended)) < inside


async def test_a_processor_that_cannot_be_asked_makes_it_incomplete(house: House) -> None:
    """Unanswered is not a difference, and not clean either."""
    payment_id = await house.settle("default")
    house.default.book(payment_id)
    house.fallback.kill()
    ended = await house.audit("--json")
    assert (ended.status, kinds(ended)) == (3, {payment_id: {"unanswered"}})
    assert "unanswered" in ended.documents[0]["processors"]["fallback"]
    assert ended.summary["calls"] == 4, "asked three times"
    assert ended.summary["complete"] is False
    assert "INCOMPLETE" in (await house.audit()).out


async def test_a_message_that_is_not_an_event_makes_it_incomplete(house: House) -> None:
    """It may have been about a payment of the period."""
    await stored(house.bus, subjects.SETTLEMENTS, "settlements.settled.default.x", b"nonsense")
    await stored(house.bus, subjects.PAYMENTS, "payments.accepted.x", b"nonsense")
    ended = await house.audit()
    assert ended.status == 3
    assert ended.out.count("\nunreadable  ") + ended.out.startswith("unreadable  ") == 2
    assert "unreadable  SETTLEMENTS 1: " in ended.out


async def test_nothing_is_consumed(house: House) -> None:
    """After an audit both streams hold what they held; the last message of several batches of each was read."""
    await asyncio.gather(*[house.accept(at=AT - HOUR) for _ in range(1_100)])
    await asyncio.gather(*[house.settle("default", at=AT - HOUR) for _ in range(1_100)])
    waiting, settled = await house.accept(), await house.settle("default")
    house.default.book(waiting)
    before = [await stream_state(house.bus, name) for name in (subjects.PAYMENTS, subjects.SETTLEMENTS)]
    ended = await house.audit("--json", "--from", AT.isoformat())
    after = [await stream_state(house.bus, name) for name in (subjects.PAYMENTS, subjects.SETTLEMENTS)]
    assert before == after
    for name in (subjects.PAYMENTS, subjects.SETTLEMENTS):
        consumers = await api.call(house.bus, f"CONSUMER.NAMES.{name}")
        assert consumers["total"] == 0, "none was created, so none is left behind, however the audit ends"
    assert kinds(ended) == {waiting: {"waiting_but_charged"}, settled: {"settled_nowhere"}}
    assert ended.summary["ids"] == 2


async def test_settlements_that_are_missing_make_an_audit_incomplete(house: House) -> None:
    """SETTLEMENTS loses none: a gap and a lost tail are reported, whatever they were about."""
    for _ in range(4):
        house.default.book(await house.settle("default"))
    for seq in (2, 4):
        await api.call(house.bus, f"STREAM.MSG.DELETE.{subjects.SETTLEMENTS}", {"seq": seq})
    ended = await house.audit()
    assert ended.status == 3
    assert "missing  SETTLEMENTS 2: 1 lost" in ended.out
    assert "missing  SETTLEMENTS 4: 1 lost" in ended.out
    assert "2 ranges of SETTLEMENTS missing" in ended.out


async def test_a_processor_that_fails_payments_is_asked(house: House) -> None:
    """Its records can be read during an outage."""
    payment_id = await house.settle("default")
    house.default.book(payment_id)
    house.default.fail()
    assert (await house.audit()).status == 0


@pytest.mark.parametrize("arguments", [["--last", "soon"], ["--from", "x"], ["--unknown"]])
async def test_wrong_usage_ends_with_2(house: House, arguments: list[str]) -> None:
    """And prints why."""
    ended = await house.run("services.audit", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert "usage: tarifa audit" in ended.err


async def test_a_server_without_our_streams(nats_server: object, house: House) -> None:
    """Nothing is known of it, and nothing is created there."""
    for name in (subjects.PAYMENTS, subjects.SETTLEMENTS):
        await house.bus.request(f"$JS.API.STREAM.DELETE.{name}", b"", 5)
    ended = await house.audit()
    assert (ended.status, ended.out) == (3, "")
    assert "not finished: stream not found" in ended.err


async def test_at_a_terminal_there_is_a_bar_and_ctrl_c_ends_it(house: House) -> None:
    """A person sees the progress, and the findings so far stay on the screen."""
    for _ in range(200):
        await house.settle("default")
    async with AtTerminal.of(house, "services.audit", "--rate", "0.1") as terminal:
        await terminal.until("asking the processors")
        terminal.press_ctrl_c()
        assert await terminal.status() == 3
        await terminal.until("not finished: stopped")


async def test_a_stopped_audit_resumes_where_it_was(house: House) -> None:
    """By the command that Ctrl-C prints: every payment is reported by one of the two runs, few by both."""
    ids = [await house.settle("default") for _ in range(200)]
    async with AtTerminal.of(house, "services.audit", "--rate", "60", "--last", "36500d") as terminal:
        await terminal.until(ids[60])
        terminal.press_ctrl_c()
        assert await terminal.status() == 3
        await terminal.until("not finished: stopped")
        screen = terminal.screen
    assert "200 payments at 2 processors: 400 calls." in " ".join(screen.split())
    command = re.search(r"resume with: tarifa audit (--rate 60 --from \S+Z --after \d+)", screen)
    assert command is not None, screen
    rest = await house.run("services.audit", *command[1].split(), "--rate", "1000")
    again = [payment_id for payment_id in ids if payment_id in screen and payment_id in rest.out]
    assert [payment_id for payment_id in ids if payment_id not in screen and payment_id not in rest.out] == []
    assert len(again) <= 16, "at most what was in hand"
    assert ids[0] not in rest.out


async def test_a_cursor_of_another_store_is_refused(house: House) -> None:
    """Otherwise nothing would be asked, and the result would look clean."""
    await house.settle("default")
    ended = await house.audit("--after", "2")
    assert (ended.status, ended.out) == (2, "")
    assert "--after 2: SETTLEMENTS ends at 1" in ended.err


async def test_findings_at_a_terminal(house: House) -> None:
    """The bar does not overwrite them."""
    payment_id = await house.settle("default")
    async with AtTerminal.of(house, "services.audit") as terminal:
        assert await terminal.status() == 1
        await terminal.until("differences  1: settled_nowhere 1")
        assert f"settled_nowhere  {payment_id}" in terminal.screen
