"""All records after a run, read once: books, streams, summaries, statuses, and the logs of all parts."""

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
from sandbox.chaos.actions import Actions
from sandbox.chaos.acts import Kind
from sandbox.chaos.audit import Charge, Finding, UnknownOutcome, Verdict, Window
from sandbox.chaos.going_back import GoneBack, Lacked, lacked, set_aside
from sandbox.chaos.load import Load
from sandbox.chaos.offers import OK, PERHAPS, Offer
from sandbox.chaos.outages import Outage, stood_still
from sandbox.chaos.pauses import Counts, counts, not_settled_there, sent_to_paused
from sandbox.chaos.releases import announced, without_second
from sandbox.chaos.summaries import Summaries
from sandbox.chaos.unavailable import accepted_by_one
from sandbox.chaos.world import BOOKS_WITHIN_S, World
from sandbox.nats_wire import Message, stored
from services.contracts.events import PaymentSettled
from services.contracts.stamp import stamp_from_text

WINDOWS = 200
AT_ONCE = 16
ANSWERED_WITHIN_S = 20.0
POLL_S = 0.25
_MICROS_LENGTH = len("2025-07-15T12:00:00.000000")  # the server writes nanoseconds
_STREAMS = ("PAYMENTS", "SETTLEMENTS", "ASSIGNMENTS")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was recorded where, and what is wrong with it."""

    charges: list[Charge]
    streams: dict[str, list[Message]]
    unknown: list[UnknownOutcome]
    alarms: Counter[str]  # errors logged by services, and unplanned deaths
    findings: list[Finding]
    second_charges: list[Charge]  # announced by a release; they are not among the charges
    pauses: Counts
    lacked: Lacked
    slowest_s: float  # the longest time from accepted to settled


async def gather(world: World, load: Load, summaries: Summaries, actions: Actions, dice: Random) -> Evidence:
    """Read everything; raises httpx.HTTPError or WireError if a place does not answer now that all faults are over."""
    booked = [charge for processor in world.all_processors for charge in await processor.charges()]
    async with world.wire() as wire:
        streams = {name: await stored(wire, name) for name in _STREAMS}
    settlements = [message.data for message in streams["SETTLEMENTS"]]
    released = announced(settlements, actions.long_faults.releases)
    charges, second_charges = without_second(booked, settlements, released)
    settled = [found for message in streams["SETTLEMENTS"] if (found := _settled(message)) is not None]
    times = actions.changes.gone_back
    known = {each.event.id for each in settled}
    not_copied = lacked(load.offers, booked, known, times)
    missing = not_copied.ids
    counted = [charge for charge in charges if charge.id not in missing]
    unknown, alarms = read_log(world.log)
    elsewhere = [(each.event.processor, each.stored_s) for each in settled]
    findings = [*summaries.findings, *stood_still(_outages(actions, times), elsewhere)]
    findings += await _compare_summaries(summaries, counted, dice, tuple(world.processors))
    findings += await _compare_statuses(load, charges)
    findings += audit.charges_against_offers(load.offers, charges)
    findings += audit.settlements_against_charges(settlements, charges, released)
    still_unknown = [each for each in unknown if each.id not in released]
    went_back_s = [gone.back_s for gone in times]
    findings += audit.unknown_against_charges(still_unknown, charges, went_back_s, BOOKS_WITHIN_S)
    findings += audit.shown_against_charges(load.offers, charges)
    pauses, wrong = _of_pauses(actions, load, settled, charges, unknown)
    findings += wrong
    findings += accepted_by_one(actions.nodes.done, load.offers)
    findings = set_aside(findings, missing)
    findings.sort(key=lambda finding: (finding.verdict is Verdict.DIFFERING, not finding.id))  # the worst ones first
    slowest_s = max((_taken_s(each, load.offers) for each in settled), default=0.0)
    return Evidence(charges, streams, unknown, alarms, findings, second_charges, pauses, not_copied, slowest_s)


def _of_pauses(
    actions: Actions,
    load: Load,
    settled: Iterable["_Settled"],
    charges: Sequence[Charge],
    unknown: Sequence[UnknownOutcome],
) -> tuple[Counts, list[Finding]]:
    """Nothing new went to a paused processor, and what was in doubt there was settled there."""
    pauses = actions.pausing.pauses
    offered = {offer.id: offer.story[0][0] for offer in load.offers.values() if offer.story}
    where = {each.event.id: (each.event.processor, each.stored_s) for each in settled}
    faults = [(each.began_s, each.ended_s or time.time()) for each in actions.done if each.act.kind is not Kind.PAUSE]
    wrong = [*sent_to_paused(pauses, offered, charges, unknown), *not_settled_there(pauses, where, faults)]
    return counts(pauses, offered, where), wrong


def windows(charges: list[Charge], dice: Random) -> list[Window]:
    """Return the open window, and windows whose ends are random stamps of the books or one microsecond beside them."""
    cuts = [Window()]
    stamps_us = [charge.stamp_us for charge in charges]
    for _ in range(WINDOWS if stamps_us else 0):
        ends = sorted(dice.choice(stamps_us) + dice.choice((-1, 0, 0, 1)) for _ in range(2))
        cuts.append(dice.choice((Window(*ends), Window(*ends), Window(ends[0]), Window(None, ends[1]))))
    return cuts


async def _compare_summaries(
    summaries: Summaries, charges: list[Charge], dice: Random, processors: Sequence[str]
) -> list[Finding]:
    """The ledger's summary of any period agrees with the books, counts and cents."""
    findings = []
    deadline_s = time.monotonic() + ANSWERED_WITHIN_S  # one for all: what differs by then will stay so
    for window in windows(charges, dice):
        booked = audit.totals(charges, window, processors)
        shown = await _until_equal(summaries, window, booked, deadline_s)
        if shown != booked:
            findings.append(Finding(Verdict.DIFFERING, "", f"the summary of {window.query}: {shown}, booked: {booked}"))
    return findings


async def _until_equal(
    summaries: Summaries, window: Window, booked: dict[str, tuple[int, int]], deadline_s: float
) -> dict[str, tuple[int, int]] | None:
    """Ask until it agrees with the books; the ledger may be a moment behind, and only for that it is asked again."""
    while True:
        shown = await summaries.ask(window)
        if shown == booked or time.monotonic() > deadline_s:
            return shown
        await asyncio.sleep(POLL_S)


async def _compare_statuses(load: Load, charges: list[Charge]) -> list[Finding]:
    """A booked payment is shown as settled, any other as unknown."""
    booked = {charge.id for charge in charges}
    findings: list[Finding] = []
    rest = iter(list(load.offers.values()))

    async def client() -> None:
        for offer in rest:
            status = await _status(load, offer)
            if status != ("settled" if offer.id in booked else None):
                why = f"is shown as {status}, and is {'' if offer.id in booked else 'not '}in the books"
                findings.append(Finding(Verdict.DIFFERING, offer.id, why))

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return findings


async def _status(load: Load, offer: Offer) -> str | None:
    """Ask until there is an answer; on a busy machine that may take a while even without faults."""
    deadline_s = time.monotonic() + ANSWERED_WITHIN_S
    while True:
        status, document = await load.look_up(offer)
        if status and status not in PERHAPS:
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


class _Settled(NamedTuple):
    event: PaymentSettled
    stored_s: float


def _settled(message: Message) -> _Settled | None:
    event = audit.settled_at(message.data)
    if event is None:
        return None
    stored_at = stamp_from_text(message.headers["Nats-Time-Stamp"].rstrip("Z")[:_MICROS_LENGTH])
    return _Settled(event, stored_at.timestamp())


def _taken_s(settled: _Settled, offers: Mapping[str, Offer]) -> float:
    offer = offers.get(settled.event.id)
    apart_s = 0.0 if offer is None else offer.apart_s
    return settled.stored_s - settled.event.accepted_at.timestamp() + apart_s


def _outages(actions: Actions, times: Iterable[GoneBack]) -> Iterator[Outage]:
    """Yield the outages during which no store went back, as only then the streams show what was settled."""
    for done in actions.done:
        if done.act.kind is Kind.OUTAGE and done.ended_s is not None and done.result:
            if any(gone.copied_s < done.ended_s and done.began_s < gone.back_s for gone in times):
                continue
            hit_s = done.began_s + done.act.detail["hit_after_s"]
            yield Outage(done.act.target, hit_s, done.ended_s, float(done.result))
