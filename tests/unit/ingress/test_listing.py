"""A list of payments: valid queries, how pages follow each other, and several dispatchers' answers as one."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from services.contracts.holding import HoldingsAnswered
from services.contracts.period import Period
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import TryLater
from services.ingress.core.listing import (
    AcceptedAsked,
    KnownHoldings,
    ListPage,
    SettledAsked,
    known_by,
    read_listing,
)
from services.ingress.flow.listing import LISTS_AT_ONCE_MAX
from tests.unit.ingress.listing_fakes import ME, NOON, OTHER, all_of, an_id, held, listing


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, AcceptedAsked(100, 0)),
        (
            {"status": ["accepted"], "inDoubt": ["true"], "olderThan": ["60s"], "processor": ["default"]},
            AcceptedAsked(100, 0, "default", in_doubt=True, older_than=timedelta(minutes=1)),
        ),
        ({"limit": ["500"], "cursor": ["accepted-17"]}, AcceptedAsked(500, 17)),
        (
            {"status": ["settled"], "from": ["2025-07-15T12:00:00Z"], "limit": ["1"]},
            SettledAsked(1, 0, Period(start=NOON)),
        ),
    ],
)
def test_a_query_is_read(query: dict[str, list[str]], asked: object) -> None:
    """What is not given is not restricted."""
    assert read_listing(query) == asked


@pytest.mark.parametrize(
    ("query", "slug", "where"),
    [
        ({"state": ["accepted"]}, "unknown_parameter", "'state'"),
        ({"from": ["2025-07-15"]}, "unknown_parameter", "'from'"),
        ({"status": ["settled"], "inDoubt": ["true"]}, "unknown_parameter", "'inDoubt'"),
        ({"INDOUBT": ["true"]}, "unknown_parameter", "'INDOUBT'"),
        ({"status": ["refused"]}, "bad_parameter", "status"),
        ({"status": [""]}, "bad_parameter", "status"),
        ({"status": ["accepted", "accepted"]}, "bad_parameter", "2 times"),
        ({"inDoubt": ["yes"]}, "bad_parameter", "inDoubt"),
        ({"inDoubt": [""]}, "bad_parameter", "inDoubt"),
        ({"olderThan": ["60"]}, "bad_parameter", "olderThan"),
        ({"limit": ["0"]}, "bad_parameter", "limit"),
        ({"limit": ["501"]}, "bad_parameter", "limit"),
        ({"limit": ["\u0661"]}, "bad_parameter", "limit"),
        ({"cursor": ["17"]}, "bad_parameter", "cursor"),
        ({"cursor": ["settled-17"]}, "bad_parameter", "cursor"),
        ({"processor": ["De fault"]}, "bad_parameter", "processor"),
        ({"status": ["settled"], "from": ["yesterday"]}, "not_a_period", "from"),
    ],
)
def test_an_invalid_query_is_rejected_and_named(query: dict[str, list[str]], slug: str, where: str) -> None:
    """An ignored filter would return a list of something else."""
    refused = read_listing(query)
    assert isinstance(refused, Rejected)
    assert (refused.status, refused.slug) == (400, slug)
    assert where in refused.detail


@pytest.mark.parametrize("limit", ["1", "2", "3", "100"])
async def test_those_in_doubt_are_found_without_reading_the_backlog(limit: str) -> None:
    """However long it is; one that was settled meanwhile is not listed, and pages follow each other without a gap."""
    flow, payments, _ = listing([*range(2, 50, 2), *range(50, 5000)], [held(seq) for seq in range(1, 11)])
    assert await all_of(flow, inDoubt="true", limit=limit) == [2, 4, 6, 8, 10]
    assert payments.asked < 40


async def test_a_page_stays_where_it_is_while_payments_come_and_go() -> None:
    """Nothing twice, and nothing that stays is skipped: the cursor is a sequence."""
    flow, payments, _ = listing([1, 2, 3, 4, 5, 6], [])
    first = await flow.page({"limit": ["3"]})
    assert isinstance(first, ListPage)
    payments.seqs = [2, 4, 6, 7]
    second = await flow.page({"limit": ["3"], "cursor": [str(first.next_cursor)]})
    assert isinstance(second, ListPage)
    assert [row.payment.payment_id for row in second.rows] == [an_id(4), an_id(6), an_id(7)]


async def test_all_that_waits_is_listed_with_what_is_known_of_each() -> None:
    """What no dispatcher knows may go to any processor."""
    flow, _, _ = listing([1, 2, 3], [held(2)])
    page = await flow.page({})
    assert isinstance(page, ListPage)
    assert [row.payment.waiting_for is not None for row in page.rows] == [False, True, False]
    assert page.answered == ("dispatcher-1",)


async def test_filters_apply_to_all_that_is_listed() -> None:
    """By age, by processor, and those that are not in doubt."""
    known = [held(1), held(2, in_doubt=False), held(3, processor="fallback"), held(4)]
    flow, _, _ = listing([1, 2, 3, 4, 5, 3_000], known)
    assert await all_of(flow, inDoubt="false") == [2, 5, 3_000]
    assert await all_of(flow, processor="fallback") == [3]
    assert await all_of(flow, processor="default", inDoubt="false") == [2]
    assert await all_of(flow, olderThan="50m") == [1, 2, 3, 4, 5]
    assert await all_of(flow, olderThan="1h", inDoubt="true") == []


@pytest.mark.parametrize("query", [{"inDoubt": ["true"]}, {"inDoubt": ["false"]}, {"processor": ["default"]}])
async def test_if_no_dispatcher_answers_what_is_in_doubt_is_not_known(query: dict[str, list[str]]) -> None:
    """An empty list would mean that nothing is."""
    flow, _, _ = listing([1, 2])
    answer = await flow.page(query)
    assert isinstance(answer, TryLater)
    assert answer.slug == "dispatchers_away"


async def test_if_no_dispatcher_answers_what_waits_is_still_listed() -> None:
    """And the page shows that none did."""
    flow, _, _ = listing([1, 2])
    page = await flow.page({})
    assert isinstance(page, ListPage)
    assert [row.payment.waiting_for for row in page.rows] == [None, None]
    assert page.answered == ()


async def test_few_lists_are_read_at_once() -> None:
    """Others must try again later; when one is done there is room."""
    flow, payments, _ = listing([1], [])
    payments.may_answer.clear()
    reading = [asyncio.create_task(flow.page({})) for _ in range(LISTS_AT_ONCE_MAX)]
    await asyncio.sleep(0)
    refused = await flow.page({})
    assert isinstance(refused, TryLater)
    assert refused.slug == "too_many_lists"
    payments.may_answer.set()
    await asyncio.gather(*reading)
    assert isinstance(await flow.page({}), ListPage)


async def test_a_page_ends_where_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer, or none, and with where to continue."""
    monkeypatch.setattr("services.ingress.flow.listing.LIST_FOR_S", -1.0)
    flow, _, _ = listing([1], [], settled_to=9)
    page = await flow.page({})
    assert page == ListPage((), "accepted-0", (), ())
    assert await flow.page({"status": ["settled"]}) == ListPage((), "settled-0")


async def test_nats_away_is_answered_as_such() -> None:
    """And the place of the reader is free again."""
    flow, payments, _ = listing([1], [])
    payments.away = True
    for _ in range(LISTS_AT_ONCE_MAX + 1):
        answer = await flow.page({})
        assert isinstance(answer, TryLater)
        assert answer.slug == "nats_away"


@pytest.mark.parametrize("limit", ["1", "2", "100"])
async def test_settled_ones_are_listed_in_the_order_of_the_stream(limit: str) -> None:
    """By the stamp that the processor recorded, both ends inclusive, and by processor."""
    flow, _, _ = listing(settled_to=11)
    assert await all_of(flow, status="settled", limit=limit) == list(range(1, 12))
    period = {"from": "2025-07-15T12:00:03Z", "to": "2025-07-15T12:00:07Z"}
    assert await all_of(flow, status="settled", limit=limit, **period) == [3, 4, 5, 6, 7]
    assert await all_of(flow, status="settled", limit=limit, processor="fallback", **period) == [4, 6]


async def test_settled_ones_are_listed_from_the_first_day_that_there_is() -> None:
    """Five minutes before it there is no date."""
    flow, _, _ = listing(settled_to=3)
    assert await all_of(flow, status="settled", **{"from": "0001-01-01T00:01:01Z"}) == [1, 2, 3]


def test_of_several_dispatchers_the_one_that_has_it_in_hand_counts() -> None:
    """The others know it by the log alone: without attempts, and perhaps without doubt."""
    by_log = replace(held(1, in_doubt=False, in_hand=False), attempts=0)
    answers = [HoldingsAnswered(OTHER, (ME, OTHER), (by_log,)), HoldingsAnswered(ME, (ME,), (held(1),))]
    known = known_by(answers, 10)
    assert known == KnownHoldings((held(1),), None, ("dispatcher-1", "dispatcher-2"), ())


def test_what_was_looked_at_by_all_is_what_counts() -> None:
    """After the point where the first of them stopped something may be missing."""
    answers = [
        HoldingsAnswered(ME, (ME, OTHER, "dispatcher-3/x"), (held(1), held(3)), looked_to=3),
        HoldingsAnswered(OTHER, (), (held(2), held(4))),
    ]
    known = known_by(answers, 10)
    assert [each.seq for each in known.holdings] == [1, 2, 3]
    assert (known.looked_to, known.silent) == (3, ("dispatcher-3",))
    few = known_by(answers, 2)
    assert ([each.seq for each in few.holdings], few.looked_to) == ([1, 2], 2)


def test_a_restarted_dispatcher_is_not_silent() -> None:
    """Its old process is gone, and its new one has answered."""
    answers = [HoldingsAnswered("dispatcher-1/new", (ME, "dispatcher-1/new"), ())]
    assert known_by(answers, 10).silent == ()
