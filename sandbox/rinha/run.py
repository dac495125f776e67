"""One load test: start the stack, run the load and watch it, wait, audit, score, report."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from sandbox import api_key
from sandbox.charges import Charge
from sandbox.rinha import floor, insight, load, report
from sandbox.rinha.audit import Audit, audit
from sandbox.rinha.backend import Backend
from sandbox.rinha.books import Books, BooksClosedError
from sandbox.rinha.journal import Journal
from sandbox.rinha.plots import plots
from sandbox.rinha.processes import CannotRunError, tail_of
from sandbox.rinha.profile import Profile
from sandbox.rinha.progress import display
from sandbox.rinha.score import Latency, Result, assess
from sandbox.rinha.series import series_of
from sandbox.rinha.slices import slices_of
from sandbox.rinha.spending import Spending, spending
from sandbox.rinha.watching import LOOK_EVERY_S, settled, watch

BACKLOG_PATIENCE_S = 30.0  # how long a backlog may take to settle after the load before it counts as lost
CALM_MARGIN_S = 1.0

Start = Callable[[Profile, Path], AbstractContextManager[Backend]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, against what, and where to write the results."""

    profile: Profile
    targets: load.Targets
    folder: Path
    start: Start
    floor: Path = floor.FILE


def carry_out(plan: Plan) -> Result:
    """Run the load test and write its report; raises `CannotRunError` or `NothingToScoreError`."""
    k6 = load.find_k6()
    plan.folder.mkdir(parents=True, exist_ok=True)
    with (
        plan.start(plan.profile, plan.folder) as backend,
        httpx.Client(
            base_url=plan.targets.backend,
            headers=api_key.headers(),
            verify=plan.targets.tls_context(),
            timeout=LOOK_EVERY_S,
            trust_env=False,
        ) as client,
    ):
        if settled(client) is None:
            raise CannotRunError(
                f"No summary from {plan.targets.backend}: is the backend up? (make up, or without --no-stack; where it "
                "asks for keys, TARIFA_KEY must be one that may pay, read and operate)"
            )
        before = backend.usage()
        with (
            _insight(backend) as readings,
            load.running(k6, plan.profile, plan.targets, plan.folder) as process,
            display() as screen,
        ):
            file = plan.folder / load.JOURNAL
            journal = watch(plan.profile, process, client, screen, journal_file=file, alive=backend.alive)
        if process.returncode != 0:
            raise CannotRunError(f"k6 ended with exit code {process.returncode}. {tail_of(plan.folder / 'k6.log')}")
        charges = _charges(plan, journal)
        spent = spending(backend.limits, before, backend.usage(), journal.accepted) if backend.limits else None
    return _conclude(plan, journal, charges, spent, readings)


@contextmanager
def _insight(backend: Backend) -> Iterator[list[insight.Reading]]:
    """Read the internal state once a second, if the stack is ours."""
    if backend.nats is None:
        yield []
        return
    with insight.watching(backend.nats, backend.spent) as readings:
        yield readings


def _charges(plan: Plan, journal: Journal) -> list[Charge] | None:
    """Wait for the backlog, then read the processors' books; None if they cannot be read."""
    calm_s = plan.profile.longest_delay_s + CALM_MARGIN_S
    print(f"Load done. Waiting for the last charges (at least {calm_s:.0f} s, at most {BACKLOG_PATIENCE_S:.0f} s) ...")
    with Books(plan.targets) as books:
        try:
            books.wait_until_calm(accepted=journal.accepted, calm_s=calm_s, patience_s=BACKLOG_PATIENCE_S)
            return books.charges()
        except (httpx.HTTPError, BooksClosedError) as error:
            print(f"No audit: {error}")
            return None


def _conclude(
    plan: Plan,
    journal: Journal,
    charges: list[Charge] | None,
    spent: Spending | None,
    readings: Sequence[insight.Reading],
) -> Result:
    """Compute the result, and write the page and the JSON."""
    findings: Audit | None = None
    if charges is not None:
        findings = audit(journal.offers, charges, plan.profile.amount_cents)
    result = assess(plan.profile, journal, findings)
    counted = next((reading.counted for reading in reversed(readings) if reading.counted is not None), None)
    known = floor.known(plan.profile.name, time.time(), plan.floor)
    result = replace(result, spending=spent, floor=known, counted=counted and Latency(*counted))
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
