"""The numbers of every service, against what a client was told, what the API says, and each other."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stack import Stack
from services.version import VERSION
from tests.e2e.river import River, new_id, until
from tests.house.monitored import OF_A_CLUSTER, OF_PROMETHEUS, RULES, expressions, labels_in, metrics_in
from tests.scraped import Scraped, scrape

INGRESSES = ("ingress-1", "ingress-2")
MEASURED = (*INGRESSES, "dispatcher-1", "ledger")
PROCESSORS = ("default", "fallback")
AMOUNT, CENTS = 19.9, 1990


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A running stack whose services are measured; a call is given up after a second."""
    with Stack(env={"CALL_TIMEOUT_S": "1", "ACK_WAIT_S": "6"}, metrics=True) as running:
        yield running


class Numbers:
    """One look at every service."""

    def __init__(self, stack: Stack) -> None:
        self.by_part = {part: scrape(stack.metrics_url(part)) for part in MEASURED}

    @property
    def ledger(self) -> Scraped:
        """Return what the ledger tells."""
        return self.by_part["ledger"]

    @property
    def dispatcher(self) -> Scraped:
        """Return what the dispatcher tells."""
        return self.by_part["dispatcher-1"]

    def ingresses(self, name: str, **labels: str) -> float:
        """Return the sum over both instances."""
        return sum(self.by_part[part].total(name, **labels) for part in INGRESSES)


async def pay(river: River, count: int) -> Counter[int]:
    """Pay so many times, some of it again, with another amount, or badly; return how often which status came."""
    ids = [new_id() for _ in range(count)]
    statuses: Counter[int] = Counter()
    for payment_id in ids:
        statuses[(await river.pay(payment_id, AMOUNT)).status_code] += 1
    statuses[(await river.pay(ids[0], AMOUNT)).status_code] += 1
    statuses[(await river.pay(ids[0], 1)).status_code] += 1
    statuses[(await river.http.post("/payments", content=b"{")).status_code] += 1
    return statuses


async def _counted(river: River) -> int:
    """Return how many payments the summary has, as soon as all that is stored is in the book."""

    async def is_level() -> bool:
        now = Numbers(river.stack)
        behind = now.ledger.value("tarifa_settlements_last_seq") - now.ledger.value("tarifa_ledger_applied_seq")
        return (
            behind == 0
            and now.dispatcher.value("tarifa_in_hand_payments") == 0
            and now.dispatcher.value("tarifa_backlog_payments") == 0
        )

    await until(is_level, "everything is settled and in the book")
    return int(sum(totals["totalRequests"] for totals in (await river.summary()).values()))


async def test_numbers_equal_the_clients_the_apis_and_each_other(river: River) -> None:
    """What clients were answered, what was charged, and what the book has are the same payments to the cent."""
    statuses = await pay(river, 40)
    assert statuses[202] >= 1
    counted = await _counted(river)
    summary, now = await river.summary(), Numbers(river.stack)

    answered = "tarifa_payments_answered_total"
    accepted = now.ingresses(answered, result="accepted")
    assert accepted + now.ingresses(answered, result="replayed") == statuses[202]
    assert now.ingresses(answered, result="amount_differs") == statuses[409] == 1
    assert now.ingresses(answered, result="rejected") == statuses[400] == 1
    assert now.ingresses(answered) == statuses.total()
    assert now.ingresses("tarifa_payment_answer_seconds_count") == statuses.total()
    assert now.ingresses("tarifa_payment_store_seconds_count") == statuses.total() - statuses[400]

    for name in PROCESSORS:
        settled = summary[name]["totalRequests"]
        assert now.ledger.value("tarifa_ledger_settled_payments", processor=name) == settled
        assert now.ledger.value("tarifa_ledger_settled_cents", processor=name) == settled * CENTS
        assert now.dispatcher.value("tarifa_settlements_stored_total", processor=name, kind="settled") == settled
        assert now.dispatcher.value("tarifa_settle_seconds_count", processor=name) == settled
        assert now.dispatcher.value("tarifa_call_outcomes_total", processor=name, outcome="booked") == settled
        calls = now.dispatcher.total("tarifa_call_outcomes_total", processor=name)
        assert now.dispatcher.value("tarifa_call_seconds_count", processor=name) == calls
    assert now.ledger.value("tarifa_ledger_entries") == counted
    assert now.ledger.value("tarifa_ledger_conflicts") == 0


async def test_every_service_says_who_it_is_and_is_reached_by_its_own_port_only(river: River) -> None:
    """The balancer has no metrics; every instance has its own."""
    assert (await river.http.get("/metrics")).status_code == 404
    now = Numbers(river.stack)
    for part in MEASURED:
        scraped = now.by_part[part]
        assert scraped.value("tarifa_service_info", service=part.partition("-")[0], version=VERSION) == 1
        assert scraped.value("tarifa_bus_connected") == 1
        assert scraped.value("process_resident_memory_bytes") > 10_000_000
        assert any(river.stack.metrics_url(part) in line for line in river.stack.log_lines)


async def test_dashboard_and_alerts_ask_only_for_what_is_told(river: River) -> None:
    """Every metric of a PromQL expression is told by some service, with the labels that it groups by."""
    await river.http.post("/payments", content=b"{")  # or no reason is known yet for turning one down
    services = Numbers(river.stack).by_part.values()
    told = set[str]().union(*(scraped.names for scraped in services))
    for expression in (*expressions(), *(rule["expr"] for rule in RULES)):
        if metrics_in(expression) <= OF_A_CLUSTER:
            continue
        assert metrics_in(expression) <= told, expression
        labels = {
            label for name in metrics_in(expression) for scraped in services for label in scraped.labels.get(name, ())
        }
        if metrics_in(expression):
            assert labels_in(expression) <= labels | OF_PROMETHEUS, expression


async def test_an_unknown_outcome_is_told_as_a_bound_payment_and_one_line(river: River) -> None:
    """While the processor is silent the payments are bound; afterwards none is, and the log had a line, not many."""
    since = len(river.stack.log_lines)
    await river.set_processor("default", delay_ms=20_000)
    ids = [new_id() for _ in range(8)]
    await asyncio.gather(*(river.pay_until_accepted(payment_id) for payment_id in ids))

    def bound() -> float:
        return Numbers(river.stack).dispatcher.value("tarifa_bound_payments", processor="default")

    async def some_are_bound() -> bool:
        return bound() >= 1

    await until(some_are_bound, "a payment is bound")
    await river.set_processor("default", delay_ms=0)
    await river.until_settled(ids)
    await _counted(river)
    assert bound() == 0
    river.stack.wait_line("dispatcher-1", '"event":"payment.unknown"', since=since)
    now = Numbers(river.stack).dispatcher
    outcomes = now.value("tarifa_call_outcomes_total", processor="default", outcome="unknown")
    lines = _lines(list(river.stack.log_lines)[since:])
    told = [line["count"] for line in lines if line["event"] == "payment.unknown"]
    assert told[0] == 1
    assert len(told) <= sum(told) <= outcomes


async def test_payments_leave_no_line_each_in_any_log(river: River) -> None:
    """Two hundred payments through the whole stack: no service says a word about one of them."""
    since = len(river.stack.log_lines)
    ids = await river.pay_many(200)
    await river.until_settled(ids)
    said = list(river.stack.log_lines)[since:]
    assert [line for line in said if any(payment_id in line for payment_id in ids)] == []
    assert len(_lines(said)) < len(ids) / 10


def _lines(lines: list[str]) -> list[dict[str, Any]]:
    """Return what services logged, as JSON."""
    texts = (line.partition(" | ")[2] for line in lines)
    return [json.loads(text) for text in texts if text.startswith("{")]
