"""Schedules around a store that went back in time, each of which once charged a customer twice or lost a payment."""

import asyncio
import signal
from functools import partial
from pathlib import Path

from tests.e2e.doubtful import Doubtful
from tests.e2e.fake_processor import serving, three
from tests.e2e.released import release, until_releasable
from tests.e2e.running_system import new_id, until
from tests.e2e.scripted import Scripted
from tests.e2e.test_store_went_back import BOOKS_WITHIN_S, copied_and_settled_since, system_with

WINDOW_S = 10
FEW = 6
MARGIN_S = 3
HEALTH_READ_S = 6


async def test_a_repeat_waits_for_a_processor_that_does_not_answer_also_beyond_the_window(tmp_path: Path) -> None:
    """It was accepted within the window; the end of the window proves nothing about where it was charged."""
    async with system_with(tmp_path / "stack", SYNC="always", IDEMPOTENCY_WINDOW_S=str(WINDOW_S)) as system:
        await asyncio.to_thread(system.stack.copy_store, tmp_path / "copy")
        await system.set_processor("default", failing=True)
        lost = await system.pay_many(10)
        await system.until_settled(lost)
        await system.set_processor("default", failing=False)
        died = (await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy"))["nats"]
        system.stack.kill("processor-fallback", signal.SIGSTOP)
        system.stack.wait_restarted("nats", died)
        for payment_id in lost:
            await system.pay_until_accepted(payment_id)
        await asyncio.sleep(BOOKS_WITHIN_S + WINDOW_S + MARGIN_S)
        system.stack.kill("processor-fallback", signal.SIGCONT)
        await system.until_settled(lost)
        await system.assert_charged_once(lost)


async def test_calls_under_way_when_the_store_goes_back_do_not_delay_the_doubt_mark(tmp_path: Path) -> None:
    """A dispatcher that starts meanwhile learns from the mark that what waits is doubtful."""
    env = {"DISPATCHERS": "2", "CALL_TIMEOUT_S": "9", "BOOKS_WITHIN_S": "12"}
    async with system_with(tmp_path / "stack", SYNC="always", **env) as system:
        ids = await copied_and_settled_since(system, tmp_path / "copy")
        await system.set_processor("fallback", delay_ms=8_000)
        await asyncio.sleep(HEALTH_READ_S)  # the cheap processor is known to be well again
        await system.set_processor("default", delay_ms=8_000)
        slow = await system.pay_many(40, at_once=40)
        await asyncio.sleep(1)  # the calls are under way at both dispatchers
        dispatcher = system.stack.kill("dispatcher-2", signal.SIGKILL)
        died = (await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy"))["nats"]
        for name in ("default", "fallback"):
            await system.set_processor(name, delay_ms=0)
        system.stack.wait_restarted("nats", died)
        system.stack.wait_restarted("dispatcher-2", dispatcher)
        await system.until_settled(ids)
        for payment_id in slow:
            await system.pay_until_accepted(payment_id)
        await system.until_settled(slow)
        await system.assert_charged_once([*ids, *slow])


async def test_calls_under_way_when_the_store_went_back_ack_nothing_in_it(tmp_path: Path) -> None:
    """A sequence held from before is another payment's in the restored store, in another dispatcher's hands."""
    env = {"DISPATCHERS": "2", "CALL_TIMEOUT_S": "9", "BOOKS_WITHIN_S": "12"}
    async with system_with(tmp_path / "stack", SYNC="always", **env) as system:
        await asyncio.to_thread(system.stack.copy_store, tmp_path / "copy")
        for name in ("default", "fallback"):
            await system.set_processor(name, delay_ms=7_000)
        lost = await system.pay_many(40, at_once=40)
        await asyncio.sleep(1)  # the calls are under way at both dispatchers
        dispatcher = system.stack.kill("dispatcher-2", signal.SIGKILL)
        died = (await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy"))["nats"]
        system.stack.wait_restarted("nats", died)
        dispatcher = system.stack.wait_restarted("dispatcher-2", dispatcher)
        fresh = [new_id() for _ in range(40)]
        for payment_id in fresh:
            await system.pay_until_accepted(payment_id)
        await asyncio.to_thread(system.stack.wait_line, "dispatcher-1", "store.went_back")
        system.stack.kill("dispatcher-2", signal.SIGKILL)
        for name in ("default", "fallback"):
            await system.set_processor(name, delay_ms=0)
        await asyncio.sleep(MARGIN_S)
        assert {(await system.payment(each))["status"] for each in fresh} <= {"accepted", "settled"}
        await system.until_settled(fresh)
        for payment_id in lost:
            await system.pay_until_accepted(payment_id)
        await system.until_settled(lost)
        await system.assert_charged_once([*lost, *fresh])


async def test_a_processor_that_was_replaced_is_asked_too(tmp_path: Path) -> None:
    """The store has lost the lines that named it; clients repeat what it charged, and it is not charged again."""
    before, since = Doubtful(), Doubtful()
    before.answers = since.answers = True
    async with serving(before) as before_url, serving(since) as since_url:
        env = {"SYNC": "always", "PROCESSORS": f"default={before_url}@0.05"}
        async with system_with(tmp_path / "stack", **env) as system:
            await asyncio.to_thread(system.stack.copy_store, tmp_path / "copy")
            lost = await system.pay_many(10)
            await system.until_settled(lost)
            system.stack.reconfigure("dispatcher-1", {"PROCESSORS": f"default={since_url}@0.05"})
            died = (await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy"))["nats"]
            system.stack.wait_restarted("nats", died)
            await asyncio.to_thread(system.stack.wait_line, "dispatcher-1", "store.is_doubtful")
            await asyncio.sleep(MARGIN_S)  # it has looked for processors named before
            for payment_id in lost:
                await system.pay_until_accepted(payment_id)
            await system.until_settled(lost)
        assert set(before.booked) == set(lost)
        assert not since.booked


async def test_what_the_store_has_lost_is_not_released_before_every_processor_has_answered(tmp_path: Path) -> None:
    """Its release and its charge at the second processor are lost: released again, a third one would charge it too."""
    default, fallback, third = Scripted("silent"), Scripted("books and is silent"), Scripted()
    async with three(default, fallback, third) as processors:
        brisk = {"CALL_TIMEOUT_S": "1", "SETTLE_WITHIN_S": "1", "SLOW_CALL_MS": "600000"}
        env = brisk | {"PROCESSORS": processors, "DISPATCHERS": "2"}
        async with system_with(tmp_path / "stack", SYNC="always", **env) as system:
            ids = await system.pay_many(FEW)
            await asyncio.gather(*[until_releasable(system, each) for each in ids])
            await asyncio.to_thread(system.stack.copy_store, tmp_path / "copy")
            fallback.looks_up = False
            seen = await asyncio.gather(*[until_releasable(system, each) for each in ids])
            answers = await asyncio.gather(*[release(system, each) for each in seen])
            assert {answer.status_code for answer in answers} == {200}
            await until(lambda: asyncio.sleep(0, set(ids) == set(fallback.booked)), "all are charged")
            died = await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy")
            system.stack.wait_restarted("nats", died["nats"])

            async def is_refused(payment_id: str) -> bool:
                found = await system.http.get(f"/payments/{payment_id}/release")
                if found.status_code != 200:
                    return False
                answer = await release(system, found.json() | {"from": "default"}, "third")
                assert answer.status_code in {409, 502, 503, 504}, answer.text
                return answer.status_code == 409 and answer.json()["error"] == "doubtful"

            await asyncio.gather(*[until(partial(is_refused, each), "it is refused") for each in ids])
            fallback.come_back()
            await system.until_settled(ids)
            assert (sorted(fallback.booked), default.booked, third.posts) == (sorted(ids), {}, [])
            assert (await system.summary())["fallback"]["totalRequests"] == FEW
