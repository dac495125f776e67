"""Monitors a running load test: reads its journal as it grows, asks for a summary each second, and shows both."""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from sandbox.rinha.display import Display, RunProgress
from sandbox.rinha.load import Tail
from sandbox.rinha.load_journal import LoadJournal
from sandbox.rinha.processes import CannotRunError
from sandbox.rinha.profile import PROCESSORS, Profile

SAMPLE_EVERY_S = 1.0
# Beyond the profile's length: k6 starts, and lets its last calls end (30 s), perhaps on a busy machine.
ENDS_WITHIN_S = 120.0

CheckAlive = Callable[[], None]  # raises `CannotRunError` if what is under test has died


def monitor_load(
    profile: Profile,
    process: subprocess.Popen[bytes],
    client: httpx.Client,
    screen: Display,
    *,
    journal_file: Path,
    check_alive: CheckAlive,
) -> LoadJournal:
    """Follow the load to its end, reading its journal and asking for one summary a second.

    Raises:
        CannotRunError: the load does not end, or ``check_alive`` raises it.
    """
    journal = LoadJournal()
    tail = Tail(journal_file)
    deadline_s = time.monotonic() + profile.length_s + ENDS_WITHIN_S
    has_ended = False
    while not has_ended:
        if time.monotonic() > deadline_s:
            raise CannotRunError(f"the load generator has not ended {ENDS_WITHIN_S:g} s after the profile's end")
        has_ended = _has_ended(process, within_s=SAMPLE_EVERY_S)
        journal.add(tail.new_lines())
        check_alive()
        if journal.start_ms is not None and not has_ended:
            screen.show(_progress(profile, journal, settled(client)))
    return journal


def _has_ended(process: subprocess.Popen[bytes], *, within_s: float) -> bool:
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _progress(profile: Profile, journal: LoadJournal, settled_by_name: Mapping[str, int] | None) -> RunProgress:
    elapsed_s = time.time() - (journal.start_ms or 0) / 1000
    stage = profile.stage_at(elapsed_s)
    return RunProgress(
        elapsed_s=elapsed_s,
        length_s=profile.length_s,
        accepted=journal.accepted,
        failed=len(journal.posts) - journal.accepted,
        settled=None if settled_by_name is None else dict(settled_by_name),
        stage=str(stage) if stage else "as found",
        differences=journal.differences(profile.check.differences),
    )


def settled(client: httpx.Client) -> dict[str, int] | None:
    """Ask the backend how many payments each processor has settled; None if it does not answer."""
    try:
        summary = client.get("/payments-summary").raise_for_status().json()
        return {name: int(summary[name]["totalRequests"]) for name in PROCESSORS}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
