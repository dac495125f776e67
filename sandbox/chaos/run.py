"""One run in order: start everything, inject faults under load, end all faults, drain the queue, and audit."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import orjson

from sandbox import api_key
from sandbox.chaos import report, standstill
from sandbox.chaos.fault_injector import FaultInjector
from sandbox.chaos.http_client import HttpClient
from sandbox.chaos.load import Load
from sandbox.chaos.options import ChaosOptions
from sandbox.chaos.payment_history import history_of
from sandbox.chaos.planned_fault import FaultGroup, FaultKind, PlanInputs
from sandbox.chaos.planner import plan
from sandbox.chaos.progress_line import ProgressLine
from sandbox.chaos.report import RunFigures
from sandbox.chaos.run_audit import RunAudit, audit_run
from sandbox.chaos.simulated_processor import HOST
from sandbox.chaos.skewed_ingress import SkewedIngress
from sandbox.chaos.standstill import Standstill
from sandbox.chaos.summary_checker import SummaryChecker
from sandbox.chaos.system_under_test import ACK_WAIT_S, CALL_TIMEOUT_S, SystemUnderTest, running_system
from sandbox.chaos.unavailability import Span, Unavailability, other_causes, unavailability
from sandbox.nats_connection import NatsError
from sandbox.stack.errors import StackError

SAMPLE_EVERY_S = 1.0
RECOVER_WITHIN_S = 60.0
DRAINED_WITHIN_S = 180.0
# After the queue is empty: by then a call whose caller gave up has arrived.
QUIET_S = CALL_TIMEOUT_S + 1.0


class ChaosRun:
    """One run against a system that is up."""

    def __init__(self, options: ChaosOptions, system: SystemUnderTest, progress: ProgressLine) -> None:
        self._options = options
        self._system = system
        self._progress = progress
        self._load_s = options.minutes * 60
        self._http = HttpClient(HOST, system.stack.ports["http"], api_key.headers())
        self._load = Load(
            self._http,
            Random(f"{options.seed}/load"),
            hangs_up=FaultGroup.CLIENT in options.groups,
        )
        skewed_ingress = SkewedIngress(system, self._load.offers, Random(f"{options.seed}/apart"))
        self._injector = FaultInjector(system, self._load, skewed_ingress)
        self._summaries = SummaryChecker(
            self._http, tuple(system.processors), system.totals, Random(f"{options.seed}/summaries")
        )
        self._standstill = Standstill()
        self._offered_until_s = 0.0  # since 1970

    async def carry_out(self) -> bool:
        """Run to the end and return whether it passed; raises StackError if the stack gave up."""
        async with _in_background(standstill.sample_until_cancelled(self._system, self._standstill)):
            async with _in_background(self._summaries.run()):
                await self._inject_faults()
                await self._recover()
            await self._drain()
        queue_length = await self._system.backlog()
        self._progress.show("audit", "reading books, streams, summaries and statuses")
        dice = Random(f"{self._options.seed}/audit")
        audit = await audit_run(self._system, self._load, self._summaries, self._injector, dice)
        self._http.close()
        return self._conclude(audit, queue_length)

    async def _inject_faults(self) -> None:
        system, has_nodes = self._system, self._options.nats_nodes > 1
        nodes = system.nats_servers.parts if has_nodes else ()
        inputs = PlanInputs(
            self._load_s,
            tuple(part for part in system.services if part not in nodes),
            tuple(system.processors),
            ack_wait_s=ACK_WAIT_S,
            call_timeout_s=CALL_TIMEOUT_S,
            store=self._options.store,
            has_nodes=has_nodes,
            is_synced=self._options.is_synced,
        )
        faults = plan(self._options.seed, inputs, self._options.groups)
        begin_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            work = [
                group.create_task(self._offer()),
                group.create_task(self._injector.run(faults)),
            ]
            group.create_task(self._watch(begin_s, work))

    async def _offer(self) -> None:
        await self._load.run(self._options.rate, self._load_s)
        self._offered_until_s = time.time()

    async def _watch(self, begin_s: float, work: Iterable[asyncio.Task[None]]) -> None:
        while not all(task.done() for task in work):
            if not self._system.stack.is_running:
                raise StackError(f"the stack gave up; see {self._system.log}")
            elapsed_s = min(time.monotonic() - begin_s, self._load_s)
            now = ", ".join(f"{each.fault.kind} {each.fault.target}" for each in self._injector.under_way)
            self._progress.show("faults", f"{elapsed_s:.0f} / {self._load_s:.0f} s  {await self._state()}  now: {now}")
            await asyncio.sleep(SAMPLE_EVERY_S)

    async def _state(self) -> str:
        backlog = await self._system.backlog()
        accepted = sum(offer.accepted_s is not None for offer in self._load.offers.values())
        hits = self._injector.count(FaultKind.KILL, FaultKind.FREEZE, FaultKind.RESTART)
        return (
            f"offered {len(self._load.offers):,}  accepted {accepted:,}  open {self._load.open}  "
            f"backlog {'?' if backlog is None else f'{backlog:,}'}  hits {hits}"
        )

    async def _recover(self) -> None:
        """End all faults, and wait until everything serves and nothing is under way any more."""
        deadline_s = time.monotonic() + RECOVER_WITHIN_S
        faults_ended = False
        while not (faults_ended and await self._system.is_healthy() and not self._system.held):
            if not faults_ended:
                with contextlib.suppress(NatsError):
                    await self._injector.end_all()
                    faults_ended = True
            if time.monotonic() > deadline_s:
                raise StackError(f"not everything serves again {RECOVER_WITHIN_S:.0f} s after the last fault")
            self._progress.show("recovery", await self._state())
            await asyncio.sleep(SAMPLE_EVERY_S)
        await self._load.finish()
        await asyncio.sleep(max(ACK_WAIT_S, CALL_TIMEOUT_S) + 1)

    async def _drain(self) -> None:
        deadline_s = time.monotonic() + DRAINED_WITHIN_S
        while await self._system.backlog() != 0 and time.monotonic() < deadline_s:
            self._progress.show("drain", await self._state())
            await asyncio.sleep(SAMPLE_EVERY_S)
        await asyncio.sleep(QUIET_S)

    def _conclude(self, audit: RunAudit, queue_length: int | None) -> bool:
        figures = self._figures(audit, queue_length)
        releases = self._injector.long_faults.releases
        document = {
            "figures": figures,
            "passed": figures.has_passed,
            "findings": audit.violations,
            "releases": releases,
            "not in the copy": audit.missing_from_copy,
        }
        folder = self._system.folder
        (folder / "result.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        report.show(figures, audit.violations)
        report.show_missing(audit.missing_from_copy)
        named = next((each.id for each in audit.violations if each.id), None)
        lines = [f"{each.began_s:.3f} {each}" for each in self._injector.injected]
        (folder / "faults.log").write_text("\n".join(lines) + "\n")
        if named is not None:
            lines = history_of(named, self._load.offers.get(named), audit, folder, self._injector.injected)
            (folder / "history.txt").write_text("\n".join(lines) + "\n")
            print("\n".join(lines))
        return figures.has_passed

    def _figures(self, audit: RunAudit, queue_length: int | None) -> RunFigures:
        offers, system = self._load.offers.values(), self._system
        booked = {charge.id: charge.processor for charge in audit.charges}
        in_doubt = [offer for offer in offers if offer.accepted_s is None and not offer.is_invalid]
        unknown_at = {outcome.id: outcome.processor for outcome in audit.unknown}
        return RunFigures(
            repeat=self._options.repeat,
            load_s=self._load_s,
            offered=len(offers),
            accepted=sum(offer.accepted_s is not None for offer in offers),
            in_doubt=len(in_doubt),
            charged_in_doubt=sum(offer.id in booked for offer in in_doubt),
            client_counts=self._load.counts + Counter({f"summary {k}": n for k, n in self._summaries.counts.items()}),
            processor_faults=sum((each.fault_counts for each in system.all_processors), Counter()),
            network=sum((each.network for each in system.all_processors), Counter()),
            acts=Counter(each.fault.kind.value for each in self._injector.injected),
            skipped=self._injector.skipped,
            parts=self._parts(),
            unknown=len(audit.unknown),
            unknown_payments=len(unknown_at),
            unknown_ends=Counter(_outcome(booked.get(each), processor) for each, processor in unknown_at.items()),
            moves=system.assignments.moves,
            take_overs=system.assignments.take_overs,
            slowest_s=audit.slowest_s,
            charged=Counter(booked.values()),
            released=sum(release.is_done for release in self._injector.long_faults.releases),
            charged_as_announced=len(audit.second_charges),
            pauses=audit.pauses,
            lacked_lost=len(audit.missing_from_copy.lost),
            lacked_charged=len(audit.missing_from_copy.charged),
            unavailable=self._unavailable(),
            alarms=audit.alarms,
            longest_standstill_s=self._standstill.longest_s,
            standstill_s=self._standstill.beyond_s,
            queue_length=queue_length,
            verdicts=report.verdicts(audit.violations),
        )

    def _unavailable(self) -> list[Unavailability]:
        injected = ((each.fault.kind, each.fault.target, each) for each in self._injector.injected)
        excluded = other_causes(
            (kind, of, Span(each.began_s, each.ended_s or each.began_s)) for kind, of, each in injected
        )
        accepted = sorted(each.accepted_s for each in self._load.offers.values() if each.accepted_s is not None)
        return unavailability(self._injector.node_faults.injected, accepted, self._offered_until_s, excluded)

    def _parts(self) -> dict[str, str]:
        by_part: dict[str, Counter[str]] = {}
        for each in self._injector.injected:
            if each.fault.kind in {FaultKind.KILL, FaultKind.RESTART, FaultKind.FREEZE}:
                by_part.setdefault(each.fault.target, Counter())[each.fault.kind.value] += 1
        return {part: f"{hits['kill']}/{hits['restart']}/{hits['freeze']}" for part, hits in by_part.items()}


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None, None]:
    """Run a coroutine until the end of the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _outcome(booked_at: str | None, processor: str) -> str:
    if booked_at is None:
        return "not booked"
    return "booked there" if booked_at == processor else "booked elsewhere"


async def carry_out(options: ChaosOptions, folder: Path) -> bool:
    """Run in this folder and return whether it passed; raises StackError if it could not be carried out."""
    with ProgressLine() as progress:
        progress.show("start", f"{options.repeat}  in {folder}")
        async with running_system(options, folder) as system:
            return await ChaosRun(options, system, progress).carry_out()
