"""Payments whose dispatcher died, or whose processor an operator gave up, are charged once, whoever gets them next."""

import asyncio
from pathlib import Path

from tests.e2e.replay import dispatcher, flowing, release, restart
from tests.e2e.river import new_id, until
from tests.e2e.scripted import Scripted, charged_at, two

SHORT = {"CALL_TIMEOUT_S": "1", "ACK_WAIT_S": "2", "SETTLE_WITHIN_S": "1"}
MORE_THAN_ONE_TAKES = 24  # of payments at a processor that has not answered yet: two dispatchers have a part each


async def test_dispatchers_that_disagree_on_the_order_and_die_charge_nobody_at_both(tmp_path: Path) -> None:
    """What the first in its order may have charged stays there, though the rest are restarted in the other order."""
    default, fallback = Scripted("books and is silent", looks_up=False), Scripted()
    async with two(default, fallback) as the_first_in_its_order:
        in_the_others = the_first_in_its_order.replace("@0.05", "@0.25")
        async with flowing(tmp_path / "run", PROCESSORS=in_the_others, **SHORT) as river:
            async with dispatcher(river, "first", PROCESSORS=the_first_in_its_order, **SHORT):
                ids = await river.pay_many(MORE_THAN_ONE_TAKES)
                await until(lambda: _all_in(default.booked, ids), "default has charged them all")
            await restart(river, "dispatcher-1")
            default.gets.clear()
            await until(lambda: asyncio.sleep(0, bool(default.gets or fallback.booked)), "the heir has one")
            default.way, default.looks_up = "well", True
            await river.until_settled(ids)
            assert sorted(default.booked) == sorted(ids)
            assert not fallback.booked
            await river.pay_until_accepted(fresh := new_id())
            await river.until_settled([fresh])
            assert list(fallback.booked) == [fresh], "the order that it was restarted in applies"


async def test_an_inherited_payment_that_is_released_is_never_sent_where_it_was(tmp_path: Path) -> None:
    """It waits behind another one for a processor that hangs, and that one comes back after the release."""
    default, fallback = Scripted("silent"), Scripted()
    async with (
        two(default, fallback) as processors,
        flowing(tmp_path / "run", PROCESSORS=processors, IN_FLIGHT_MAX="1", **SHORT) as river,
    ):
        async with dispatcher(river, "first", PROCESSORS=processors, **SHORT, IN_FLIGHT_MAX="64"):
            ids = await river.pay_many(8)
            await until(lambda: _all_in(default.posts, ids), "all have been sent to default")
        default.posts.clear()
        await until(
            lambda: _all_in(default.posts[1:], default.posts[:1] or ids), "the heir has sent one again and again"
        )
        waits = next(each for each in ids if each not in default.posts)
        await release(river, waits, "fallback")
        await until(lambda: _all_in(fallback.booked, [waits]), "the released one is charged at fallback")
        default.way = "well"
        await river.until_settled(ids)
        assert waits not in default.posts
        assert [each for each in ids if len(charged_at(each, default=default, fallback=fallback)) != 1] == []


async def _all_in(found: object, ids: list[str]) -> bool:
    return set(ids) <= set(found)  # type: ignore[call-overload,no-any-return]
