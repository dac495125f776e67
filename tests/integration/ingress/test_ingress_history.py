"""``GET /history``: what ingress passes on of the ledger's answer about the past, and how it refuses."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.bus.micro.service import CannotAnswerError, serve
from services.bus.wire.connection import Bus
from services.contracts import history, subjects
from services.contracts.history import HistoryAnswered, HistoryAsked, HistoryStep
from services.ingress.core.history import RANGES

UNTIL = datetime(2026, 11, 22, 11, 17, 40, tzinfo=UTC)
KNOWN = HistoryStep(UNTIL, 30.5, 29.25, 1.5, 4.25, 3, 123_456, 2)
NOT_KNOWN = HistoryStep(UNTIL - timedelta(seconds=10), None, None, None, None, None, None, None)


class PastStandIn:
    """Answers ``ledger.history`` with two steps, or as the test sets."""

    def __init__(self) -> None:
        self.asked: list[HistoryAsked] = []
        self.answer: bytes | Exception = history.encode(
            HistoryAnswered(UNTIL - timedelta(seconds=20), 10, (NOT_KNOWN, KNOWN))
        )

    async def history(self, data: bytes) -> bytes:
        """Record the request."""
        self.asked.append(history.decode_asked(data))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
async def past(bus: Bus) -> PastStandIn:
    """A ledger that answers about the past."""
    past = PastStandIn()
    await serve(bus, subjects.LEDGER, "a stand-in", {subjects.LEDGER_HISTORY: past.history})
    return past


async def test_steps_have_their_end_and_null_for_what_is_not_known(past: PastStandIn, http: httpx.AsyncClient) -> None:
    """Times with their zone, money in decimals."""
    answer = await http.get("/history")
    assert answer.status_code == 200
    nothing = dict.fromkeys(("acceptedPerS", "settledPerS", "p50Ms", "p99Ms", "backlog", "saved", "troubles"))
    known = {"acceptedPerS": 30.5, "settledPerS": 29.25, "p50Ms": 1.5, "p99Ms": 4.25, "backlog": 3}
    assert answer.json() == {
        "from": "2026-11-22T11:17:20.000Z",
        "to": "2026-11-22T11:17:40.000Z",
        "stepS": 10,
        "steps": [
            {"to": "2026-11-22T11:17:30.000Z", **nothing},
            {"to": "2026-11-22T11:17:40.000Z", **known, "saved": 1234.56, "troubles": 2},
        ],
    }
    assert past.asked == [RANGES["5m"]]


@pytest.mark.parametrize("name", RANGES)
async def test_each_range_reaches_the_ledger(past: PastStandIn, http: httpx.AsyncClient, name: str) -> None:
    """HEAD is GET without the body."""
    whole, head = await http.get(f"/history?range={name}"), await http.head(f"/history?range={name}")
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    assert dict(head.headers) == dict(whole.headers)
    assert past.asked == [RANGES[name]] * 2


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("range=2h", "bad_parameter"),
        ("range=", "bad_parameter"),
        ("range=5m&range=1h", "bad_parameter"),
        ("Range=5m", "unknown_parameter"),
        ("from=2025-07-15", "unknown_parameter"),
    ],
)
async def test_a_wrong_query_is_refused(past: PastStandIn, http: httpx.AsyncClient, query: str, slug: str) -> None:
    """And the ledger is not asked."""
    answer = await http.get(f"/history?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, slug)
    assert past.asked == []


async def test_without_a_ledger_it_is_503(http: httpx.AsyncClient) -> None:
    """Which may be repeated."""
    answer = await http.get("/history")
    assert (answer.status_code, answer.json()["error"]) == (503, "ledger_away")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("said", "slug"),
    [
        (CannotAnswerError(503, "the ledger has not read all settlements yet; ask again"), "ledger_not_ready"),
        (b"{}", "ledger_unreadable"),
    ],
)
async def test_a_ledgers_refusal_is_passed_on(
    past: PastStandIn, http: httpx.AsyncClient, said: bytes | Exception, slug: str
) -> None:
    """In the ledger's own words if there are any."""
    past.answer = said
    answer = await http.get("/history")
    assert (answer.status_code, answer.json()["error"]) == (503, slug)
