"""Payments whose dispatcher died, or which were released from their processor, are charged once."""

import asyncio
from pathlib import Path

from services.dispatcher.core.condition import CANARIES_MAX, FAILURES_TO_CLOSE
from tests.e2e.fake_processor import two
from tests.e2e.replay import dispatcher, release, restart, running_stack
from tests.e2e.running_system import new_id, until
from tests.e2e.scripted import Scripted, charged_at

# No call times out, and slowness sends no payment elsewhere: only the fake processors decide what happens when.
PATIENT = {
    "CALL_TIMEOUT_S": "60",
    "BOOKS_WITHIN_S": "60",
    "ACK_WAIT_S": "2",
    "SETTLE_WITHIN_S": "1",
    "SLOW_CALL_MS": "600000",
    "SPILL_AFTER_S": "600",
}
PAYMENTS = 24  # more than one dispatcher sends to a processor that has not answered yet: two get a part each


async def until_all_in(found: dict[str, bytes] | list[str], ids: list[str], what: str) -> None:
    """Wait until all ids are in ``found``."""
    await until(lambda: asyncio.sleep(0, set(ids) <= set(found)), what)


async def test_dispatchers_that_disagree_on_the_order_and_die_charge_nobody_at_both(tmp_path: Path) -> None:
    """What one may have charged at its cheapest stays there, although the next is started with the other order."""
    default, fallback = Scripted("books and is silent"), Scripted()
    async with two(default, fallback) as default_cheapest:
        fallback_cheapest = default_cheapest.replace("@0.05", "@0.25")
        async with running_stack(tmp_path / "run", PROCESSORS=fallback_cheapest, **PATIENT) as system:
            async with dispatcher(system, "first", PROCESSORS=default_cheapest, **PATIENT):
                ids = await system.pay_many(PAYMENTS)
                await until_all_in(default.booked, ids, "default has charged them all")
            default.looks_up = False
            await restart(system, "dispatcher-1")
            await until(lambda: asyncio.sleep(0, bool(default.gets or fallback.booked)), "the heir has one")
            default.come_back()
            await system.until_settled(ids)
            assert sorted(default.booked) == sorted(ids)
            assert not fallback.booked
            await system.pay_until_accepted(fresh := new_id())
            await system.until_settled([fresh])
            assert list(fallback.booked) == [fresh], "its own order applies"


async def test_an_inherited_payment_that_is_released_is_never_sent_where_it_was(tmp_path: Path) -> None:
    """It waits behind others for a processor that hangs and recovers after the release."""
    default, fallback = Scripted("silent"), Scripted()
    async with (
        two(default, fallback) as processors,
        running_stack(tmp_path / "run", PROCESSORS=processors, **PATIENT) as system,
    ):
        async with dispatcher(system, "first", PROCESSORS=processors, **PATIENT):
            ids = await system.pay_many(PAYMENTS)
            await until_all_in(default.posts, ids, "all have been sent to default")
            default.posts.clear()
            default.fails = FAILURES_TO_CLOSE
        await restart(system, "dispatcher-1")
        sends_max = CANARIES_MAX + FAILURES_TO_CLOSE
        await until(lambda: asyncio.sleep(0, len(default.posts) >= sends_max), "the heir has sent what it may")
        waits = next(each for each in ids if each not in default.posts)
        await release(system, waits, "fallback")
        default.come_back()
        await system.until_settled(ids)
        assert waits not in default.posts
        assert waits in fallback.booked
        assert [each for each in ids if len(charged_at(each, default=default, fallback=fallback)) != 1] == []
