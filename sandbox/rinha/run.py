"""The story of one load test: start the stack, let the load run and watch it, wait, audit, score, report."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from sandbox.rinha import load, report
from sandbox.rinha.audit import Audit, Charge, audit
from sandbox.rinha.books import Books, BooksClosedError
from sandbox.rinha.journal import Journal
from sandbox.rinha.plots import plots
from sandbox.rinha.processes import CannotRunError, ensure_alive, started, tail_of, wait_for_line
from sandbox.rinha.profile import PROCESSORS, Profile
from sandbox.rinha.progress import Display, Sight, display
from sandbox.rinha.score import Result, assess
from sandbox.rinha.series import series_of

LOOK_EVERY_S = 1.0
READY_WITHIN_S = 60.0
STACK_STOPS_WITHIN_S = 60.0
BACKLOG_PATIENCE_S = 30.0  # how long a backlog may take to settle after the load before it counts as lost
CALM_MARGIN_S = 1.0

Alive = Callable[[], None]


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
        with load.running(k6, plan.profile, plan.targets, plan.folder) as process, display() as screen:
            journal = _watch(plan, process, client, screen, alive)
        if process.returncode != 0:
            raise CannotRunError(f"k6 ended with exit code {process.returncode}. {tail_of(plan.folder / 'k6.log')}")
        charges = _charges(plan, journal)
    return _conclude(plan, journal, charges)


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


def _watch(
    plan: Plan, process: subprocess.Popen[bytes], client: httpx.Client, screen: Display, alive: Alive
) -> Journal:
    """Follow the load to its end, reading its journal and asking for one summary a second."""
    journal = Journal()
    tail = load.Tail(plan.folder / "journal.ndjson")
    has_ended = False
    while not has_ended:
        has_ended = _has_ended(process, within_s=LOOK_EVERY_S)
        journal.add(tail.new_lines())
        alive()
        if journal.start_ms is not None and not has_ended:
            screen.show(_sight(plan.profile, journal, settled(client)))
    return journal


def _has_ended(process: subprocess.Popen[bytes], *, within_s: float) -> bool:
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _sight(profile: Profile, journal: Journal, settled_now: Mapping[str, int] | None) -> Sight:
    elapsed_s = time.time() - (journal.start_ms or 0) / 1000
    stage = profile.stage_at(elapsed_s)
    return Sight(
        elapsed_s=elapsed_s,
        length_s=profile.length_s,
        accepted=journal.accepted,
        failed=len(journal.offers) - journal.accepted,
        settled=None if settled_now is None else dict(settled_now),
        stage=str(stage) if stage else "as found",
        differences=journal.differences(profile.check.differences),
    )


def settled(client: httpx.Client) -> dict[str, int] | None:
    """Ask the backend how many payments each processor has settled; None if it does not say."""
    try:
        summary = client.get("/payments-summary").raise_for_status().json()
        return {name: int(summary[name]["totalRequests"]) for name in PROCESSORS}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


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


def _conclude(plan: Plan, journal: Journal, charges: list[Charge] | None) -> Result:
    """Draw up the result, and write page and JSON."""
    findings: Audit | None = None
    if charges is not None:
        findings = audit(journal.offers, charges, plan.profile.amount_cents)
    result = assess(plan.profile, journal, findings)
    series = series_of(journal, charges)
    page = report.html(
        report.TEMPLATE.read_text(encoding="utf-8"), plan.profile, result, journal, plots(plan.profile, series)
    )
    (plan.folder / "report.html").write_text(page, encoding="utf-8")
    (plan.folder / "result.json").write_bytes(report.as_json(result, series))
    return result
