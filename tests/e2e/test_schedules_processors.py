"""Processors that are slow, refuse everything, do not answer or cannot be reached: each payment is charged once."""

from collections import Counter
from pathlib import Path

from tests.e2e.fake_processor import serving, two
from tests.e2e.replay import running_stack
from tests.e2e.running_system import RunningSystem
from tests.e2e.scripted import Scripted, charged_at
from tests.integration.dispatcher.misbehaving import full_listener
from tests.scraped import scrape

CALL_TIMEOUT_S = 1.0
LATE_MS = round(CALL_TIMEOUT_S * 1.2 * 1000)


async def test_payments_at_processors_that_answer_after_the_timeout_are_settled_and_counted(tmp_path: Path) -> None:
    """Both book, and answer after the caller gave up: they are asked by GET, and each id is counted."""
    async with running_stack(tmp_path / "run", CALL_TIMEOUT_S=f"{CALL_TIMEOUT_S:g}") as system:
        await system.set_processor("default", delay_ms=LATE_MS)
        await system.set_processor("fallback", delay_ms=LATE_MS)
        ids = await system.pay_many(16)
        await system.until_settled(ids)
        await system.assert_charged_once(ids)
        assert await _counted(system) == len(ids)


async def test_a_processor_that_refuses_everything_refuses_no_payment_for_good(tmp_path: Path) -> None:
    """The processor is misconfigured, not the payments: they are settled at fallback."""
    default, fallback = Scripted("refusing"), Scripted()
    async with (
        two(default, fallback) as processors,
        running_stack(tmp_path / "run", PROCESSORS=processors, SETTLE_WITHIN_S="1") as system,
    ):
        ids = await system.pay_many(60)
        await system.until_settled(ids)
        assert not default.booked
        assert sorted(fallback.booked) == sorted(ids)
        assert await _counted(system) == len(ids)


async def test_a_processor_that_accepts_no_connection_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    """A connect that timed out has sent nothing: the payments are settled at fallback, and none is bound."""
    fallback = Scripted()
    with full_listener() as default:
        async with (
            serving(fallback) as dear,
            running_stack(
                tmp_path / "run",
                metrics=True,
                PROCESSORS=f"default={default}@0.05,fallback={dear}@0.15",
                CALL_TIMEOUT_S=f"{CALL_TIMEOUT_S:g}",
                SETTLE_WITHIN_S="1",
            ) as system,
        ):
            ids = await system.pay_many(20)
            await system.until_settled(ids)
            assert sorted(fallback.booked) == sorted(ids)
            now = scrape(system.stack.metrics_url("dispatcher-1"))
            outcomes = "tarifa_call_outcomes_total"
            assert now.value(outcomes, processor="default", outcome="not_booked") > 0
            assert now.total(outcomes, outcome="unknown") == 0
            assert now.value("tarifa_bound_payments", processor="default") == 0


async def test_a_409_to_a_payment_whose_first_answer_was_lost_settles_it(tmp_path: Path) -> None:
    """A GET shows what the 409 means, and then nothing more is sent there."""
    count = 4
    # Neither the answer nor a look-up comes, so that it is sent again, and answered 409.
    default = Scripted(duplicate_status=b"409 Conflict", lost=count, lookup_failures=count)
    fallback = Scripted()
    async with two(default, fallback) as processors, running_stack(tmp_path / "run", PROCESSORS=processors) as system:
        ids = await system.pay_many(count)
        await system.until_settled(ids)
        assert [each for each in ids if len(charged_at(each, default=default, fallback=fallback)) != 1] == []
        assert set(default.booked) <= set(default.gets)
        assert max(Counter(default.posts).values()) > 1, "some were sent again, and answered 409"
        assert await _counted(system) == count


async def _counted(system: RunningSystem) -> int:
    """Return how many payments the summary has."""
    return int(sum(totals["totalRequests"] for totals in (await system.summary()).values()))
