"""The flow of one run: start everything, break it under load, end all faults, and audit the result."""

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
from sandbox.chaos import report, standstill, story
from sandbox.chaos.actions import Actions
from sandbox.chaos.acts import Group, Kind, Setting
from sandbox.chaos.apart import Apart
from sandbox.chaos.client import Client
from sandbox.chaos.evidence import Evidence, gather
from sandbox.chaos.load import Load
from sandbox.chaos.options import Options
from sandbox.chaos.planner import plan
from sandbox.chaos.processors import HOST
from sandbox.chaos.progress import Progress
from sandbox.chaos.report import Figures
from sandbox.chaos.standstill import Standstill
from sandbox.chaos.summaries import Summaries
from sandbox.chaos.unavailable import Row, Span, hindrances, rows
from sandbox.chaos.world import ACK_WAIT_S, CALL_TIMEOUT_S, World, world
from sandbox.nats_wire import WireError
from sandbox.stack.errors import StackError

LOOK_EVERY_S = 1.0
CALM_WITHIN_S = 60.0
EMPTY_WITHIN_S = 180.0
# After the queue is empty: by then a call whose caller gave up has arrived.
QUIET_S = CALL_TIMEOUT_S + 1.0


class Run:
    """One run in its world."""

    def __init__(self, options: Options, there: World, progress: Progress) -> None:
        self._options = options
        self._world = there
        self._progress = progress
        self._load_s = options.minutes * 60
        self._http = Client(HOST, there.stack.ports["http"], api_key.headers())
        self._load = Load(
            self._http,
            Random(f"{options.seed}/load"),
            hangs_up=Group.CLIENT in options.groups,
        )
        apart = Apart(there, self._load.offers, Random(f"{options.seed}/apart"))
        self._actions = Actions(there, self._load, apart)
        self._summaries = Summaries(
            self._http, tuple(there.processors), there.totals, Random(f"{options.seed}/summaries")
        )
        self._standstill = Standstill()
        self._offered_until_s = 0.0  # since 1970

    async def carry_out(self) -> bool:
        """Run to the end and return whether it passed; raises StackError if the stack gave up."""
        async with _meanwhile(standstill.watch(self._world, self._standstill)):
            async with _meanwhile(self._summaries.run()):
                await self._storm()
                await self._calm()
            await self._until_empty()
        queue_length = await self._world.backlog()
        self._progress.show("audit", "reading books, streams, summaries and statuses")
        dice = Random(f"{self._options.seed}/audit")
        evidence = await gather(self._world, self._load, self._summaries, self._actions, dice)
        self._http.close()
        return self._conclude(evidence, queue_length)

    async def _storm(self) -> None:
        there = self._world
        setting = Setting(
            self._load_s,
            tuple(part for part in there.services if self._options.nats_nodes == 1 or part not in there.cluster.parts),
            tuple(there.processors),
            ack_wait_s=ACK_WAIT_S,
            call_timeout_s=CALL_TIMEOUT_S,
            store=self._options.store,
            has_nodes=self._options.nats_nodes > 1,
            is_synced=self._options.is_synced,
        )
        acts = plan(self._options.seed, setting, self._options.groups)
        begin_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            work = [
                group.create_task(self._offer()),
                group.create_task(self._actions.run(acts)),
            ]
            group.create_task(self._watch(begin_s, work))

    async def _offer(self) -> None:
        await self._load.run(self._options.rate, self._load_s)
        self._offered_until_s = time.time()

    async def _watch(self, begin_s: float, work: Iterable[asyncio.Task[None]]) -> None:
        while not all(task.done() for task in work):
            if not self._world.stack.is_running:
                raise StackError(f"the stack gave up; see {self._world.log}")
            elapsed_s = min(time.monotonic() - begin_s, self._load_s)
            now = ", ".join(f"{done.act.kind} {done.act.target}" for done in self._actions.under_way)
            self._progress.show("storm", f"{elapsed_s:.0f} / {self._load_s:.0f} s  {await self._sight()}  now: {now}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _sight(self) -> str:
        backlog = await self._world.backlog()
        accepted = sum(offer.accepted_s is not None for offer in self._load.offers.values())
        hits = self._actions.count(Kind.KILL, Kind.FREEZE, Kind.RESTART)
        return (
            f"offered {len(self._load.offers):,}  accepted {accepted:,}  open {self._load.open}  "
            f"backlog {'?' if backlog is None else f'{backlog:,}'}  hits {hits}"
        )

    async def _calm(self) -> None:
        """End all faults, and wait until everything serves and nothing is under way any more."""
        deadline_s = time.monotonic() + CALM_WITHIN_S
        faults_ended = False
        while not (faults_ended and await self._world.is_well() and not self._world.held):
            if not faults_ended:
                with contextlib.suppress(WireError):
                    await self._actions.calm()
                    faults_ended = True
            if time.monotonic() > deadline_s:
                raise StackError(f"not everything serves again {CALM_WITHIN_S:.0f} s after the last fault")
            self._progress.show("calm", await self._sight())
            await asyncio.sleep(LOOK_EVERY_S)
        await self._load.finish()
        await asyncio.sleep(max(ACK_WAIT_S, CALL_TIMEOUT_S) + 1)

    async def _until_empty(self) -> None:
        deadline_s = time.monotonic() + EMPTY_WITHIN_S
        while await self._world.backlog() != 0 and time.monotonic() < deadline_s:
            self._progress.show("empty", await self._sight())
            await asyncio.sleep(LOOK_EVERY_S)
        await asyncio.sleep(QUIET_S)

    def _conclude(self, evidence: Evidence, queue_length: int | None) -> bool:
        figures = self._figures(evidence, queue_length)
        releases = self._actions.long_faults.releases
        document = {
            "figures": figures,
            "passed": figures.has_passed,
            "findings": evidence.findings,
            "releases": releases,
            "not in the copy": evidence.lacked,
        }
        folder = self._world.folder
        (folder / "result.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        report.show(figures, evidence.findings)
        report.show_lacked(evidence.lacked)
        bad = next((finding.id for finding in evidence.findings if finding.id), None)
        lines = [f"{done.began_s:.3f} {done}" for done in self._actions.done]
        (folder / "faults.log").write_text("\n".join(lines) + "\n")
        if bad is not None:
            lines = story.story_of(bad, self._load.offers.get(bad), evidence, folder, self._actions.done)
            (folder / "story.txt").write_text("\n".join(lines) + "\n")
            print("\n".join(lines))
        return figures.has_passed

    def _figures(self, evidence: Evidence, queue_length: int | None) -> Figures:
        offers, there = self._load.offers.values(), self._world
        booked = {charge.id: charge.processor for charge in evidence.charges}
        in_doubt = [offer for offer in offers if offer.accepted_s is None and not offer.bad]
        unknown_at = {outcome.id: outcome.processor for outcome in evidence.unknown}
        return Figures(
            repeat=self._options.repeat,
            load_s=self._load_s,
            offered=len(offers),
            accepted=sum(offer.accepted_s is not None for offer in offers),
            in_doubt=len(in_doubt),
            charged_in_doubt=sum(offer.id in booked for offer in in_doubt),
            client_counts=self._load.counts + Counter({f"summary {k}": n for k, n in self._summaries.counts.items()}),
            processor_faults=sum((each.done for each in there.all_processors), Counter()),
            network=sum((each.network for each in there.all_processors), Counter()),
            acts=Counter(done.act.kind.value for done in self._actions.done),
            skipped=self._actions.skipped,
            parts=self._parts(),
            unknown=len(evidence.unknown),
            unknown_payments=len(unknown_at),
            unknown_ends=Counter(_end(booked.get(each), processor) for each, processor in unknown_at.items()),
            moves=self._moves[0],
            take_overs=self._moves[1],
            slowest_s=evidence.slowest_s,
            charged=Counter(booked.values()),
            released=sum(release.is_done for release in self._actions.long_faults.releases),
            charged_as_announced=len(evidence.second_charges),
            pauses=evidence.pauses,
            lacked_lost=len(evidence.lacked.lost),
            lacked_charged=len(evidence.lacked.charged),
            unavailable=self._unavailable(),
            alarms=evidence.alarms,
            longest_standstill_s=self._standstill.longest_s,
            standstill_s=self._standstill.beyond_s,
            queue_length=queue_length,
            verdicts=report.verdicts(evidence.findings),
        )

    def _unavailable(self) -> list[Row]:
        done = ((each.act.kind, each.act.target, each) for each in self._actions.done)
        hindered = hindrances((kind, of, Span(each.began_s, each.ended_s or each.began_s)) for kind, of, each in done)
        accepted = sorted(each.accepted_s for each in self._load.offers.values() if each.accepted_s is not None)
        return rows(self._actions.nodes.done, accepted, self._offered_until_s, hindered)

    @property
    def _moves(self) -> tuple[int, int]:
        return self._world.lines.moves, self._world.lines.take_overs

    def _parts(self) -> dict[str, str]:
        by_part: dict[str, Counter[str]] = {}
        for done in self._actions.done:
            if done.act.kind in {Kind.KILL, Kind.RESTART, Kind.FREEZE}:
                by_part.setdefault(done.act.target, Counter())[done.act.kind.value] += 1
        return {part: f"{hits['kill']}/{hits['restart']}/{hits['freeze']}" for part, hits in by_part.items()}


@asynccontextmanager
async def _meanwhile(watching: Coroutine[Any, Any, None]) -> AsyncGenerator[None, None]:
    """Run a coroutine until the end of the block."""
    task = asyncio.create_task(watching)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _end(booked_at: str | None, processor: str) -> str:
    if booked_at is None:
        return "not booked"
    return "booked there" if booked_at == processor else "booked elsewhere"


async def carry_out(options: Options, folder: Path) -> bool:
    """Run in this folder and return whether it passed; raises StackError if it could not be carried out."""
    with Progress() as progress:
        progress.show("start", f"{options.repeat}  in {folder}")
        async with world(options, folder) as there:
            return await Run(options, there, progress).carry_out()
