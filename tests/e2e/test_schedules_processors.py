"""Processors that are slow, refuse everything, forget to answer or cannot be reached: each payment is charged once."""

from collections import Counter
from pathlib import Path

from tests.e2e.replay import flowing
from tests.e2e.river import River
from tests.e2e.scripted import Scripted, charged_at
from tests.e2e.spoken import serving, two
from tests.integration.dispatcher.misbehaving import full_listener
from tests.scraped import scrape

CALL_TIMEOUT_S = 1.0
LATE_MS = round(CALL_TIMEOUT_S * 1.2 * 1000)


async def test_processors_that_answer_after_the_timeout_have_everything_settled_and_counted(tmp_path: Path) -> None:
    """Both book, and say so when nobody listens any more: they are asked what they did, and each id is counted."""
    async with flowing(tmp_path / "run", CALL_TIMEOUT_S=f"{CALL_TIMEOUT_S:g}") as river:
        await river.set_processor("default", delay_ms=LATE_MS)
        await river.set_processor("fallback", delay_ms=LATE_MS)
        ids = await river.pay_many(16)
        await river.until_settled(ids)
        await river.assert_charged_once(ids)
        assert await _counted(river) == len(ids)


async def test_a_processor_that_refuses_everything_has_no_payment_refused_for_good(tmp_path: Path) -> None:
    """It is the processor that is wrong and not the payments: they are settled at fallback."""
    default, fallback = Scripted("refusing"), Scripted()
    async with (
        two(default, fallback) as processors,
        flowing(tmp_path / "run", PROCESSORS=processors, SETTLE_WITHIN_S="1") as river,
    ):
        ids = await river.pay_many(60)
        await river.until_settled(ids)
        assert not default.booked
        assert sorted(fallback.booked) == sorted(ids)
        assert await _counted(river) == len(ids)


async def test_a_processor_that_does_not_take_a_connection_has_nothing_in_doubt(tmp_path: Path) -> None:
    """A connect that timed out has sent nothing: the payments are settled at fallback, and none is bound."""
    fallback = Scripted()
    with full_listener() as default:
        async with (
            serving(fallback) as dear,
            flowing(
                tmp_path / "run",
                metrics=True,
                PROCESSORS=f"default={default}@0.05,fallback={dear}@0.15",
                CALL_TIMEOUT_S=f"{CALL_TIMEOUT_S:g}",
                SETTLE_WITHIN_S="1",
            ) as river,
        ):
            ids = await river.pay_many(20)
            await river.until_settled(ids)
            assert sorted(fallback.booked) == sorted(ids)
            now = scrape(river.stack.metrics_url("dispatcher-1"))
            outcomes = "tarifa_call_outcomes_total"
            assert now.value(outcomes, processor="default", outcome="not_booked") > 0
            assert now.total(outcomes, outcome="unknown") == 0
            assert now.value("tarifa_bound_payments", processor="default") == 0


async def test_a_409_to_a_payment_whose_first_answer_was_lost_settles_it(tmp_path: Path) -> None:
    """What an answer of 409 means the processor is asked by GET, and then it is sent nothing more."""
    count = 4
    default = Scripted(knows=b"409 Conflict", lost=count, unasked=count)  # so that it is sent again, and says 409
    fallback = Scripted()
    async with two(default, fallback) as processors, flowing(tmp_path / "run", PROCESSORS=processors) as river:
        ids = await river.pay_many(count)
        await river.until_settled(ids)
        assert [each for each in ids if len(charged_at(each, default=default, fallback=fallback)) != 1] == []
        assert set(default.booked) <= set(default.gets)
        assert max(Counter(default.posts).values()) > 1, "some were sent again, and answered 409"
        assert await _counted(river) == count


async def _counted(river: River) -> int:
    """Return how many payments the summary has."""
    return int(sum(totals["totalRequests"] for totals in (await river.summary()).values()))
