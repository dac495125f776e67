"""The audit of a run: reads books, streams, summaries, statuses and all logs once, and makes all checks of them."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

from sandbox.chaos import audit
from sandbox.chaos.audit import SummaryPeriod, UnknownOutcome, Verdict, Violation
from sandbox.chaos.fault_injector import FaultInjector
from sandbox.chaos.load import Load
from sandbox.chaos.offered_payment import OK, UNCERTAIN_STATUSES, OfferedPayment
from sandbox.chaos.outages import Outage, outages_without_settlements
from sandbox.chaos.pauses import PauseCounts, counts, not_settled_there, sent_to_paused
from sandbox.chaos.planned_fault import FaultKind
from sandbox.chaos.releases import announced, without_second
from sandbox.chaos.restored_store import MissingFromCopy, StoreRestore, missing_from_copy, without_missing
from sandbox.chaos.summary_checker import SummaryChecker
from sandbox.chaos.system_under_test import BOOKS_WITHIN_S, SystemUnderTest
from sandbox.chaos.unavailability import accepted_without_majority
from sandbox.charges import Charge
from sandbox.nats_connection import NatsMessage, stored_messages
from services.contracts.events import PaymentSettled
from services.contracts.stamp import stamp_from_text

PERIODS = 200
AT_ONCE = 16
ANSWERED_WITHIN_S = 20.0
POLL_S = 0.25
_MICROS_LENGTH = len("2025-07-15T12:00:00.000000")  # the server writes nanoseconds
_STREAMS = ("PAYMENTS", "SETTLEMENTS", "ASSIGNMENTS")


@dataclass(frozen=True, slots=True)
class RunAudit:
    """What was recorded where, and the violations, the worst first."""

    charges: list[Charge]
    streams: dict[str, list[NatsMessage]]
    unknown: list[UnknownOutcome]
    alarms: Counter[str]  # errors logged by services, and unplanned deaths
    violations: list[Violation]
    second_charges: list[Charge]  # announced by a release; they are not among the charges
    pauses: PauseCounts
    missing_from_copy: MissingFromCopy
    slowest_s: float  # the longest time from accepted to settled


async def audit_run(
    system: SystemUnderTest, load: Load, summaries: SummaryChecker, injector: FaultInjector, dice: Random
) -> RunAudit:
    """Read everything; raises httpx.HTTPError or NatsError if a place does not answer now that all faults are over."""
    booked = [charge for processor in system.all_processors for charge in await processor.charges()]
    async with system.connection() as connection:
        streams = {name: await stored_messages(connection, name) for name in _STREAMS}
    settlements = [message.data for message in streams["SETTLEMENTS"]]
    released = announced(settlements, injector.long_faults.releases)
    charges, second_charges = without_second(booked, settlements, released)
    settled = [found for message in streams["SETTLEMENTS"] if (found := _settled(message)) is not None]
    restores = injector.change_faults.store_restores
    known = {each.event.id for each in settled}
    missing = missing_from_copy(load.offers, booked, known, restores)
    counted = [charge for charge in charges if charge.id not in missing.ids]
    unknown, alarms = read_log(system.log)
    elsewhere = [(each.event.processor, each.stored_s) for each in settled]
    violations = [*summaries.violations, *outages_without_settlements(_outages(injector, restores), elsewhere)]
    violations += await _compare_summaries(summaries, counted, dice, tuple(system.processors))
    violations += await _compare_statuses(load, charges)
    violations += audit.charges_against_offers(load.offers, charges)
    violations += audit.settlements_against_charges(settlements, charges, released)
    still_unknown = [each for each in unknown if each.id not in released]
    restored_at_s = [restore.restored_s for restore in restores]
    violations += audit.unknown_against_charges(still_unknown, charges, restored_at_s, BOOKS_WITHIN_S)
    violations += audit.shown_against_charges(load.offers, charges)
    pauses, wrong = _check_pauses(injector, load, settled, charges, unknown)
    violations += wrong
    violations += accepted_without_majority(injector.node_faults.injected, load.offers)
    violations = without_missing(violations, missing.ids)
    violations.sort(key=lambda each: (each.verdict is Verdict.DIFFERING, not each.id))  # the worst ones first
    slowest_s = max((_settled_within_s(each, load.offers) for each in settled), default=0.0)
    return RunAudit(charges, streams, unknown, alarms, violations, second_charges, pauses, missing, slowest_s)


def _check_pauses(
    injector: FaultInjector,
    load: Load,
    settled: Iterable["_StoredSettlement"],
    charges: Sequence[Charge],
    unknown: Sequence[UnknownOutcome],
) -> tuple[PauseCounts, list[Violation]]:
    """Check that nothing new went to a paused processor, and that what was in doubt there was settled there."""
    pauses = injector.pause_faults.pauses
    offered = {offer.id: offer.history[0][0] for offer in load.offers.values() if offer.history}
    where = {each.event.id: (each.event.processor, each.stored_s) for each in settled}
    faults = [
        (each.began_s, each.ended_s or time.time())
        for each in injector.injected
        if each.fault.kind is not FaultKind.PAUSE
    ]
    wrong = [*sent_to_paused(pauses, offered, charges, unknown), *not_settled_there(pauses, where, faults)]
    return counts(pauses, offered, where), wrong


def periods_to_compare(charges: list[Charge], dice: Random) -> list[SummaryPeriod]:
    """Return one without ends, and some whose ends are random stamps of the books or one microsecond beside them."""
    periods = [SummaryPeriod()]
    stamps_us = [charge.requested_at_us for charge in charges]
    for _ in range(PERIODS if stamps_us else 0):
        ends = sorted(dice.choice(stamps_us) + dice.choice((-1, 0, 0, 1)) for _ in range(2))
        periods.append(
            dice.choice(
                (SummaryPeriod(*ends), SummaryPeriod(*ends), SummaryPeriod(ends[0]), SummaryPeriod(None, ends[1]))
            )
        )
    return periods


async def _compare_summaries(
    summaries: SummaryChecker, charges: list[Charge], dice: Random, processors: Sequence[str]
) -> list[Violation]:
    """Check that the ledger's summary of any period agrees with the books, counts and cents."""
    violations = []
    deadline_s = time.monotonic() + ANSWERED_WITHIN_S  # one for all: what differs by then will stay so
    for period in periods_to_compare(charges, dice):
        booked = audit.totals(charges, period, processors)
        shown = await _until_equal(summaries, period, booked, deadline_s)
        if shown != booked:
            violations.append(
                Violation(Verdict.DIFFERING, "", f"the summary of {period.query}: {shown}, booked: {booked}")
            )
    return violations


async def _until_equal(
    summaries: SummaryChecker, period: SummaryPeriod, booked: dict[str, tuple[int, int]], deadline_s: float
) -> dict[str, tuple[int, int]] | None:
    """Ask until it agrees with the books; the ledger may be a moment behind, and only for that it is asked again."""
    while True:
        shown = await summaries.ask(period)
        if shown == booked or time.monotonic() > deadline_s:
            return shown
        await asyncio.sleep(POLL_S)


async def _compare_statuses(load: Load, charges: list[Charge]) -> list[Violation]:
    """Check that a booked payment is shown as settled, and any other as unknown."""
    booked = {charge.id for charge in charges}
    violations: list[Violation] = []
    rest = iter(list(load.offers.values()))

    async def client() -> None:
        for offer in rest:
            status = await _status(load, offer)
            if status != ("settled" if offer.id in booked else None):
                why = f"is shown as {status}, and is {'' if offer.id in booked else 'not '}in the books"
                violations.append(Violation(Verdict.DIFFERING, offer.id, why))

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return violations


async def _status(load: Load, offer: OfferedPayment) -> str | None:
    """Ask until there is an answer; on a busy machine that may take a while even without faults."""
    deadline_s = time.monotonic() + ANSWERED_WITHIN_S
    while True:
        status, document = await load.look_up(offer)
        if status and status not in UNCERTAIN_STATUSES:
            return document.get("status") if status == OK and document else None
        if time.monotonic() > deadline_s:
            return "not answered"
        await asyncio.sleep(POLL_S)


def read_log(path: Path) -> tuple[list[UnknownOutcome], Counter[str]]:
    """Return the unknown outcomes and the errors that services logged."""
    unknown: list[UnknownOutcome] = []
    alarms: Counter[str] = Counter()
    with path.open(errors="replace") as lines:
        for part, line in _parsed(lines):
            # At DEBUG each one is logged; above it only their number, now and then.
            if line.get("event") == "payment.unknown" and line.get("level") == "debug":
                unknown.append(UnknownOutcome(line["id"], line["processor"], _seconds(line["at"])))
            if line.get("level") in {"error", "critical"}:
                alarms[f"{part} {line['level']} {line['event']}"] += 1
    return unknown, alarms


def _parsed(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    for line in lines:
        part, _, text = line.partition(" | ")
        if text.startswith("{"):
            try:
                yield part.strip(), json.loads(text)
            except ValueError:
                continue


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


class _StoredSettlement(NamedTuple):
    event: PaymentSettled
    stored_s: float


def _settled(message: NatsMessage) -> _StoredSettlement | None:
    event = audit.settlement_of(message.data)
    if event is None:
        return None
    stored_at = stamp_from_text(message.headers["Nats-Time-Stamp"].rstrip("Z")[:_MICROS_LENGTH])
    return _StoredSettlement(event, stored_at.timestamp())


def _settled_within_s(settled: _StoredSettlement, offers: Mapping[str, OfferedPayment]) -> float:
    offer = offers.get(settled.event.id)
    skew_s = 0.0 if offer is None else offer.clock_skew_s
    return settled.stored_s - settled.event.accepted_at.timestamp() + skew_s


def _outages(injector: FaultInjector, restores: Iterable[StoreRestore]) -> Iterator[Outage]:
    """Yield the outages during which no store was restored, as only then the streams show what was settled."""
    for each in injector.injected:
        if each.fault.kind is FaultKind.OUTAGE and each.ended_s is not None and each.result:
            if any(restore.copied_s < each.ended_s and each.began_s < restore.restored_s for restore in restores):
                continue
            hit_s = each.began_s + each.fault.detail["hit_after_s"]
            yield Outage(each.fault.target, hit_s, each.ended_s, float(each.result))
