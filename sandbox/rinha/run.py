"""One load test: start the stack, run the load and monitor it, wait, audit, score, report."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from sandbox import api_key
from sandbox.charges import Charge
from sandbox.rinha import floor, load, report, state_samples
from sandbox.rinha.audit import Audit, audit
from sandbox.rinha.backend import Backend
from sandbox.rinha.display import display
from sandbox.rinha.intervals import intervals_of
from sandbox.rinha.load_journal import LoadJournal
from sandbox.rinha.load_monitor import SAMPLE_EVERY_S, monitor_load, settled
from sandbox.rinha.plots import plots
from sandbox.rinha.processes import CannotRunError, tail_of
from sandbox.rinha.processor_books import BooksNotListedError, ProcessorBooks
from sandbox.rinha.profile import Profile
from sandbox.rinha.score import Latency, Result, assess
from sandbox.rinha.series import series_of
from sandbox.rinha.service_usage import RunUsage, run_usage

SETTLED_WITHIN_S = 30.0  # from the end of the load; what is not booked by then counts as lost
QUIET_MARGIN_S = 1.0

Start = Callable[[Profile, Path], AbstractContextManager[Backend]]


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What to run, against what, and where to write the results."""

    profile: Profile
    targets: load.Targets
    folder: Path
    start: Start
    floor: Path = floor.FILE


def carry_out(config: RunConfig) -> Result:
    """Run the load test and write its report; raises `CannotRunError` or `NothingToScoreError`."""
    k6 = load.find_k6()
    config.folder.mkdir(parents=True, exist_ok=True)
    with (
        config.start(config.profile, config.folder) as backend,
        httpx.Client(
            base_url=config.targets.backend,
            headers=api_key.headers(),
            verify=config.targets.tls_context(),
            timeout=SAMPLE_EVERY_S,
            trust_env=False,
        ) as client,
    ):
        if settled(client) is None:
            raise CannotRunError(
                f"No summary from {config.targets.backend}: is the backend up? (make up, or without --no-stack; where "
                "it asks for keys, TARIFA_KEY must be one that may pay, read and operate)"
            )
        before = backend.usage()
        with (
            _sampled_state(backend) as samples,
            load.running(k6, config.profile, config.targets, config.folder) as process,
            display() as screen,
        ):
            file = config.folder / load.JOURNAL
            journal = monitor_load(
                config.profile, process, client, screen, journal_file=file, check_alive=backend.check_alive
            )
        if process.returncode != 0:
            raise CannotRunError(f"k6 ended with exit code {process.returncode}. {tail_of(config.folder / 'k6.log')}")
        charges = _charges(config, journal)
        usage = run_usage(backend.limits, before, backend.usage(), journal.accepted) if backend.limits else None
    return _conclude(config, journal, charges, usage, samples)


@contextmanager
def _sampled_state(backend: Backend) -> Iterator[list[state_samples.StateSample]]:
    """Read the internal state once a second, if the stack is ours."""
    if backend.nats is None:
        yield []
        return
    with state_samples.sampling(backend.nats, backend.cpu_usage) as samples:
        yield samples


def _charges(config: RunConfig, journal: LoadJournal) -> list[Charge] | None:
    """Wait for the backlog, then read the processors' books; None if they cannot be read."""
    quiet_s = config.profile.longest_delay_s + QUIET_MARGIN_S
    print(f"Load done. Waiting for the last charges (at least {quiet_s:.0f} s, at most {SETTLED_WITHIN_S:.0f} s) ...")
    with ProcessorBooks(config.targets) as books:
        try:
            books.wait_until_settled(accepted=journal.accepted, quiet_s=quiet_s, within_s=SETTLED_WITHIN_S)
            return books.charges()
        except (httpx.HTTPError, BooksNotListedError) as error:
            print(f"No audit: {error}")
            return None


def _conclude(
    config: RunConfig,
    journal: LoadJournal,
    charges: list[Charge] | None,
    usage: RunUsage | None,
    samples: Sequence[state_samples.StateSample],
) -> Result:
    """Compute the result, and write the page and the JSON."""
    audited: Audit | None = None
    if charges is not None:
        audited = audit(journal.posts, charges, config.profile.amount_cents)
    result = assess(config.profile, journal, audited)
    counted = next((sample.counted for sample in reversed(samples) if sample.counted is not None), None)
    known = floor.known(config.profile.name, time.time(), config.floor)
    result = replace(result, spending=usage, floor=known, counted=counted and Latency(*counted))
    series = series_of(journal, charges)
    intervals = intervals_of(journal, samples, len(series.seconds)) if samples else []
    images = plots(config.profile, series, intervals)
    template = report.TEMPLATE.read_text(encoding="utf-8")
    page = report.html(template, config.profile, result, journal, images, intervals=intervals)
    (config.folder / "report.html").write_text(page, encoding="utf-8")
    for heading, png in images.items():
        (config.folder / report.file_name(heading)).write_bytes(png)
    (config.folder / "result.json").write_bytes(report.as_json(result, series, intervals))
    return result
