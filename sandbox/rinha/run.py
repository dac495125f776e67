"""The story of one load test: start the stack, let the load run and watch it, wait, audit, score, report."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from sandbox.rinha import floor, insight, load, report
from sandbox.rinha.audit import Audit, Charge, audit
from sandbox.rinha.books import Books, BooksClosedError
from sandbox.rinha.journal import Journal
from sandbox.rinha.plots import plots
from sandbox.rinha.processes import CannotRunError, ensure_alive, started, tail_of, wait_for_line
from sandbox.rinha.profile import PROCESSORS, Profile
from sandbox.rinha.progress import display
from sandbox.rinha.score import Result, assess
from sandbox.rinha.series import series_of
from sandbox.rinha.slices import slices_of
from sandbox.rinha.spending import Spending, spending
from sandbox.rinha.watching import LOOK_EVERY_S, Alive, settled, watch
from sandbox.stack import limited
from sandbox.stack.cgroups import Usage
from sandbox.stack.ports import HOST
from sandbox.stack.usage import cpu_s_by_service

READY_WITHIN_S = 60.0
STACK_STOPS_WITHIN_S = 60.0
STACK_FOLDER = Path(".run")  # where make up has it too
STACK_NATS = (HOST, 4222)
BACKLOG_PATIENCE_S = 30.0  # how long a backlog may take to settle after the load before it counts as lost
CALM_MARGIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, against what, and where to leave the results."""

    profile: Profile
    targets: load.Targets
    folder: Path
    own_stack: bool


def carry_out(plan: Plan) -> Result:
    """Run the load test and write its report; raises `CannotRunError` or `NothingToScoreError`."""
    k6 = load.find_k6()
    plan.folder.mkdir(parents=True, exist_ok=True)
    client = httpx.Client(base_url=plan.targets.backend, timeout=LOOK_EVERY_S, trust_env=False)
    with client, _stack(plan) as alive:
        if settled(client) is None:
            raise CannotRunError(
                f"No summary from {plan.targets.backend}: is the backend up? (make up, or without --no-stack)"
            )
        groups = limited.find(STACK_FOLDER) if plan.own_stack else None
        before = groups.usage() if groups else {}
        with (
            _insight(plan, groups) as readings,
            load.running(k6, plan.profile, plan.targets, plan.folder) as process,
            display() as screen,
        ):
            journal = watch(plan.profile, process, client, screen, journal_file=plan.folder / load.JOURNAL, alive=alive)
        if process.returncode != 0:
            raise CannotRunError(f"k6 ended with exit code {process.returncode}. {tail_of(plan.folder / 'k6.log')}")
        charges = _charges(plan, journal)
        spent = _spent(groups, before, journal) if groups else None
    return _conclude(plan, journal, charges, spent, readings)


@contextmanager
def _insight(plan: Plan, groups: limited.Groups | None) -> Iterator[list[insight.Reading]]:
    """Have the inside looked at once a second, if the stack is ours."""
    if not plan.own_stack:
        yield []
        return

    def spent() -> dict[str, insight.Spent]:
        if groups is None:
            return {name: insight.Spent(cpu_s) for name, cpu_s in cpu_s_by_service(STACK_FOLDER).items()}
        return {name: insight.Spent(used.cpu_s, used.throttled_s) for name, used in groups.usage().items()}

    with insight.watching(STACK_NATS, spent) as readings:
        yield readings


@contextmanager
def _stack(plan: Plan) -> Iterator[Alive]:
    """Have the stack up, and give a call that raises `CannotRunError` if it has died."""
    if not plan.own_stack:
        yield lambda: None
        return
    log = plan.folder / "stack.log"
    environment = {
        "ALLOW_PURGE": "1",
        "PYTHONUNBUFFERED": "1",
        "SANDBOX_FEES": ",".join(str(plan.profile.fees[name]) for name in PROCESSORS),
    }
    command = [sys.executable, "-m", "sandbox.stack", "--stop-with-stdin"]
    with started(command, log=log, environment=environment, stop_within_s=STACK_STOPS_WITHIN_S) as process:
        print("Starting the stack ...", flush=True)
        wait_for_line(process, "ready", log=log, within_s=READY_WITHIN_S)
        yield lambda: ensure_alive(process, log=log)


def _charges(plan: Plan, journal: Journal) -> list[Charge] | None:
    """Wait for the backlog, then read the processors' books; None where they are closed."""
    calm_s = plan.profile.longest_delay_s + CALM_MARGIN_S
    print(f"Load done. Waiting for the last charges (at least {calm_s:.0f} s, at most {BACKLOG_PATIENCE_S:.0f} s) ...")
    with Books(plan.targets) as books:
        try:
            books.wait_until_calm(accepted=journal.accepted, calm_s=calm_s, patience_s=BACKLOG_PATIENCE_S)
            return books.charges()
        except (httpx.HTTPError, BooksClosedError) as error:
            print(f"No audit: {error}")
            return None


def _spent(groups: limited.Groups, before: Mapping[str, Usage], journal: Journal) -> Spending:
    return spending(groups.by_service, before, groups.usage(), journal.accepted)


def _conclude(
    plan: Plan,
    journal: Journal,
    charges: list[Charge] | None,
    spent: Spending | None,
    readings: Sequence[insight.Reading],
) -> Result:
    """Draw up the result, and write page and JSON."""
    findings: Audit | None = None
    if charges is not None:
        findings = audit(journal.offers, charges, plan.profile.amount_cents)
    result = assess(plan.profile, journal, findings)
    result = replace(result, spending=spent, floor=floor.known(plan.profile.name, time.time()))
    series = series_of(journal, charges)
    slices = slices_of(journal, readings, len(series.seconds)) if readings else []
    images = plots(plan.profile, series, slices)
    template = report.TEMPLATE.read_text(encoding="utf-8")
    page = report.html(template, plan.profile, result, journal, images, inside=slices)
    (plan.folder / "report.html").write_text(page, encoding="utf-8")
    for heading, png in images.items():
        (plan.folder / report.file_name(heading)).write_bytes(png)
    (plan.folder / "result.json").write_bytes(report.as_json(result, series, slices))
    return result
