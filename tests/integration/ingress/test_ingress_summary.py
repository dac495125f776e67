"""Summaries, purging and readiness: what ingress passes on between its clients and the ledger."""

from datetime import UTC, datetime

import httpx
import pytest

from services.bus.jetstream.lookup import last_for
from services.bus.micro.service import CannotAnswerError
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.summary import Totals
from tests.integration.ingress.ingress_process import LedgerStandIn

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
NOTHING = {"default": Totals(0, 0), "fallback": Totals(0, 0)}


@pytest.fixture
async def ledger(bus: Bus) -> LedgerStandIn:
    """A ledger with two settlements at each processor."""
    return await LedgerStandIn({"default": Totals(2, 3980), "fallback": Totals(1, 5)}).serve(bus)


async def test_summary_has_the_shape_of_the_challenge(ledger: LedgerStandIn, http: httpx.AsyncClient) -> None:
    """Counts and decimal amounts per processor, and no other key."""
    answer = await http.get("/payments-summary")
    assert answer.status_code == 200
    assert answer.json() == {
        "default": {"totalRequests": 2, "totalAmount": 39.80},
        "fallback": {"totalRequests": 1, "totalAmount": 0.05},
    }
    [asked] = ledger.asked
    assert (asked.from_, asked.to) == (None, None)
    assert asked.at is not None  # the summary is as of the moment it was asked


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "target",
    ["/healthz", "/readyz", "/payments-summary?to=2025-07-15", f"/payments/{ID}"],
)
async def test_head_is_get_without_the_body(http: httpx.AsyncClient, target: str) -> None:
    """Status, type and length are the same, whatever the answer is."""
    whole, head = await http.get(target), await http.head(target)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert dict(head.headers) == dict(whole.headers)


async def test_head_of_the_events_ends_at_once(http: httpx.AsyncClient) -> None:
    """The stream does not end by itself; no page is counted."""
    head = await http.head("/events")
    assert (head.status_code, head.headers["Content-Type"]) == (200, "text/event-stream")


async def test_processor_without_settlements_has_zeros(ledger: LedgerStandIn, http: httpx.AsyncClient) -> None:
    """There is one key per processor of PROCESSORS, though the ledger knows of none."""
    ledger.totals = {}
    assert (await http.get("/payments-summary")).json() == {
        "default": {"totalRequests": 0, "totalAmount": 0.0},
        "fallback": {"totalRequests": 0, "totalAmount": 0.0},
    }


async def test_what_was_charged_at_a_processor_does_not_vanish_with_its_setting(
    ledger: LedgerStandIn, http: httpx.AsyncClient
) -> None:
    """Removed from PROCESSORS, it is still in every summary, after those that are configured."""
    ledger.totals = {"abroad": Totals(100, 199_000), "default": Totals(1, 5)}
    answer = (await http.get("/payments-summary")).json()
    assert list(answer) == ["default", "fallback", "abroad"]
    assert answer["abroad"] == {"totalRequests": 100, "totalAmount": 1990.0}


async def test_period_reaches_the_ledger_to_the_microsecond(ledger: LedgerStandIn, http: httpx.AsyncClient) -> None:
    """Ends are passed on as they were written, in UTC; an unescaped plus is still a plus."""
    query = "from=2025-07-15T12:00:00.000001Z&to=2025-07-15T14:00:00.5+01:00"
    assert (await http.get(f"/payments-summary?{query}")).status_code == 200
    [asked] = ledger.asked
    assert asked.from_ == datetime(2025, 7, 15, 12, 0, 0, 1, tzinfo=UTC)
    assert asked.to == datetime(2025, 7, 15, 13, 0, 0, 500_000, tzinfo=UTC)


async def test_absent_ledger_is_named(http: httpx.AsyncClient) -> None:
    """Without a ledger the summary is 503, and names it."""
    answer = await http.get("/payments-summary")
    assert (answer.status_code, answer.json()["error"]) == (503, "ledger_away")
    assert int(answer.headers["Retry-After"]) > 0


async def test_silent_ledger_is_503_in_time(ledger: LedgerStandIn, http: httpx.AsyncClient) -> None:
    """If the ledger does not answer, the request does not hang."""
    ledger.may_speak.clear()
    answer = await http.get("/payments-summary")
    ledger.may_speak.set()
    assert (answer.status_code, answer.json()["error"]) == (503, "ledger_away")


async def test_ledger_that_is_replaying_is_503(ledger: LedgerStandIn, http: httpx.AsyncClient) -> None:
    """The ledger's answer that it cannot answer yet is passed on."""
    ledger.failure = CannotAnswerError(503, "replaying")
    answer = await http.get("/payments-summary")
    assert (answer.status_code, answer.json()["error"]) == (503, "ledger_not_ready")
    assert "replaying" in answer.json()["detail"]


async def test_purge_is_stored_before_it_is_answered(bus: Bus, ledger: LedgerStandIn, http: httpx.AsyncClient) -> None:
    """A purge is an event in SETTLEMENTS; the answer waits for the book to show it."""
    # The book shows the clearing only at the third request; the answer waits for that.
    ledger.totals_after = {2: NOTHING}
    answer = await http.post("/purge-payments")
    assert (answer.status_code, answer.json()) == (200, {"status": "cleared"})
    assert len(ledger.asked) > 2
    assert await last_for(bus, subjects.SETTLEMENTS, subjects.CLEARED) is not None


async def test_purge_does_not_need_the_ledger(bus: Bus, http: httpx.AsyncClient) -> None:
    """Stored is enough: a ledger that starts later reads it."""
    assert (await http.post("/purge-payments")).status_code == 200
    assert await last_for(bus, subjects.SETTLEMENTS, subjects.CLEARED) is not None


async def test_ready_means_a_round_trip_to_everything(ledger: LedgerStandIn, http: httpx.AsyncClient) -> None:
    """Ready if a payment would be stored and a summary answered; alive in any case."""
    assert (await http.get("/healthz")).status_code == 200
    assert (await http.get("/readyz")).status_code == 200
    ledger.failure = CannotAnswerError(503, "replaying")
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["error"]) == (503, "not_ready")
    assert "ledger" in answer.json()["detail"]
    assert "PAYMENTS" not in answer.json()["detail"]
