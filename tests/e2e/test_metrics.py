"""The metrics of every service agree with what clients were answered, with the API, and with each other."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stack import Stack
from services.version import VERSION
from tests.e2e.running_system import RunningSystem, new_id, until
from tests.house.monitored import OF_A_CLUSTER, OF_PROMETHEUS, RULES, expressions, labels_in, metrics_in
from tests.scraped import Scraped, scrape

INGRESSES = ("ingress-1", "ingress-2")
PARTS = (*INGRESSES, "dispatcher-1", "ledger")
PROCESSORS = ("default", "fallback")
AMOUNT, CENTS = 19.9, 1990


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A running stack with metrics; calls time out after a second."""
    with Stack(env={"CALL_TIMEOUT_S": "1", "ACK_WAIT_S": "6"}, metrics=True) as running:
        yield running


class Metrics:
    """One scrape of every service."""

    def __init__(self, stack: Stack) -> None:
        self.by_part = {part: scrape(stack.metrics_url(part)) for part in PARTS}

    @property
    def ledger(self) -> Scraped:
        """The ledger's metrics."""
        return self.by_part["ledger"]

    @property
    def dispatcher(self) -> Scraped:
        """The dispatcher's metrics."""
        return self.by_part["dispatcher-1"]

    def ingresses(self, name: str, **labels: str) -> float:
        """Return a metric's sum over both instances of ingress."""
        return sum(self.by_part[part].total(name, **labels) for part in INGRESSES)


async def pay(system: RunningSystem, count: int) -> Counter[int]:
    """Send so many payments, a repeat, another amount and bad input; return how often each status came."""
    ids = [new_id() for _ in range(count)]
    statuses: Counter[int] = Counter()
    for payment_id in ids:
        statuses[(await system.pay(payment_id, AMOUNT)).status_code] += 1
    statuses[(await system.pay(ids[0], AMOUNT)).status_code] += 1
    statuses[(await system.pay(ids[0], 1)).status_code] += 1
    statuses[(await system.http.post("/payments", content=b"{")).status_code] += 1
    return statuses


async def _counted(system: RunningSystem) -> int:
    """Wait until all that is stored is in the book; return how many payments the summary counts."""

    async def is_current() -> bool:
        now = Metrics(system.stack)
        behind = now.ledger.value("tarifa_settlements_last_seq") - now.ledger.value("tarifa_ledger_applied_seq")
        return (
            behind == 0
            and now.dispatcher.value("tarifa_in_hand_payments") == 0
            and now.dispatcher.value("tarifa_backlog_payments") == 0
        )

    await until(is_current, "everything is settled and in the book")
    return int(sum(totals["totalRequests"] for totals in (await system.summary()).values()))


async def test_metrics_agree_with_clients_the_api_and_each_other(system: RunningSystem) -> None:
    """Answers to clients, charges and the book agree on the payments, to the cent."""
    statuses = await pay(system, 40)
    assert statuses[202] >= 1
    counted = await _counted(system)
    summary, now = await system.summary(), Metrics(system.stack)

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


async def test_every_service_serves_metrics_with_its_identity_on_its_own_port_only(system: RunningSystem) -> None:
    """The balancer serves no metrics; every instance serves its own."""
    assert (await system.http.get("/metrics")).status_code == 404
    now = Metrics(system.stack)
    for part in PARTS:
        scraped = now.by_part[part]
        assert scraped.value("tarifa_service_info", service=part.partition("-")[0], version=VERSION) == 1
        assert scraped.value("tarifa_bus_connected") == 1
        assert scraped.value("process_resident_memory_bytes") > 10_000_000
        assert any(system.stack.metrics_url(part) in line for line in system.stack.log_lines)


async def test_dashboard_and_alerts_use_only_metrics_that_exist(system: RunningSystem) -> None:
    """Some service exports each metric of a PromQL expression, with the labels that it groups by."""
    await system.http.post("/payments", content=b"{")  # so that there is a reason for a rejection
    services = Metrics(system.stack).by_part.values()
    exported = set[str]().union(*(scraped.names for scraped in services))
    for expression in (*expressions(), *(rule["expr"] for rule in RULES)):
        if metrics_in(expression) <= OF_A_CLUSTER:
            continue
        assert metrics_in(expression) <= exported, expression
        labels = {
            label for name in metrics_in(expression) for scraped in services for label in scraped.labels.get(name, ())
        }
        if metrics_in(expression):
            assert labels_in(expression) <= labels | OF_PROMETHEUS, expression


async def test_an_unknown_outcome_shows_as_a_bound_payment_and_one_log_line(system: RunningSystem) -> None:
    """While the processor is silent the payments are bound, afterwards none is; the log got one line, not many."""
    since = len(system.stack.log_lines)
    await system.set_processor("default", delay_ms=20_000)
    ids = [new_id() for _ in range(8)]
    await asyncio.gather(*(system.pay_until_accepted(payment_id) for payment_id in ids))

    def bound() -> float:
        return Metrics(system.stack).dispatcher.value("tarifa_bound_payments", processor="default")

    async def some_are_bound() -> bool:
        return bound() >= 1

    await until(some_are_bound, "a payment is bound")
    await system.set_processor("default", delay_ms=0)
    await system.until_settled(ids)
    await _counted(system)
    assert bound() == 0
    system.stack.wait_line("dispatcher-1", '"event":"payment.unknown"', since=since)
    now = Metrics(system.stack).dispatcher
    outcomes = now.value("tarifa_call_outcomes_total", processor="default", outcome="unknown")
    lines = _lines(list(system.stack.log_lines)[since:])
    counts = [line["count"] for line in lines if line["event"] == "payment.unknown"]
    assert counts[0] == 1
    assert len(counts) <= sum(counts) <= outcomes


async def test_no_service_logs_a_line_per_payment(system: RunningSystem) -> None:
    """Two hundred payments through the whole stack: no log names one of them."""
    since = len(system.stack.log_lines)
    ids = await system.pay_many(200)
    await system.until_settled(ids)
    logged = list(system.stack.log_lines)[since:]
    assert [line for line in logged if any(payment_id in line for payment_id in ids)] == []
    assert len(_lines(logged)) < len(ids) / 10


def _lines(lines: list[str]) -> list[dict[str, Any]]:
    """Return the services' log lines, decoded."""
    texts = (line.partition(" | ")[2] for line in lines)
    return [json.loads(text) for text in texts if text.startswith("{")]
