"""What a run shows: the series, the figures, the page; and the command line."""

import json
from pathlib import Path

import pytest

from sandbox.charges import Charge
from sandbox.checkout import RUN_DIR
from sandbox.rinha import docker, figures, floor, profile, relay, report
from sandbox.rinha.__main__ import config_from
from sandbox.rinha.audit import audit
from sandbox.rinha.backend import as_found, limited_processes, processes
from sandbox.rinha.display import RunProgress
from sandbox.rinha.load_journal import Calls, Comparison, LoadJournal
from sandbox.rinha.processes import CannotRunError
from sandbox.rinha.score import Result, assess
from sandbox.rinha.series import SECONDS_MAX, series_of
from services.contracts.summary import Totals

SMOKE = profile.load("smoke")
CHARGES = [Charge("default", "a", 1990, 1_500_000), Charge("fallback", "b", 1990, 3_000_000)]


def small_run() -> tuple[LoadJournal, Result]:
    """Write a run of three offers, two of them accepted, from second 0 to second 3."""
    said = {"default": Totals(1, 1990), "fallback": Totals(1, 1990)}
    at_end = Comparison(5_000, said, said, {"default": 0.05, "fallback": 0.15})
    journal = LoadJournal(start_ms=1_000, checks=[at_end], totals=at_end, calls=Calls(3, 1.0, 2.0))
    journal.add(
        b'{"kind":"payment","id":"%b","at_ms":%d,"status":%d,"took_ms":%d}' % row
        for row in [(b"a", 1_000, 202, 1), (b"b", 1_999, 202, 3), (b"c", 2_000, 500, 7)]
    )
    return journal, assess(SMOKE, journal, audit(journal.posts, CHARGES, 1990))


def test_series_counts_events_by_second_since_the_start() -> None:
    """Accepted and failed by when they were sent, charges by requestedAt; the backlog is the difference."""
    journal, _ = small_run()
    series = series_of(journal, CHARGES)
    assert series.seconds == [0, 1, 2]
    assert (series.accepted, series.failed) == ([2, 0, 0], [0, 1, 0])
    assert series.p50_ms == [2, 7, 0]
    assert series.settled == {"default": [1, 0, 0], "fallback": [0, 0, 1]}
    assert series.backlog == [1, 1, 0]


def test_series_without_books_has_no_charges() -> None:
    """Without the processors' books there is nothing to draw."""
    journal, _ = small_run()
    series = series_of(journal, None)
    assert (series.settled, series.backlog) == ({}, [])


def test_a_stamp_from_the_far_future_does_not_stretch_the_series() -> None:
    """A backend under test may send any requestedAt."""
    journal, _ = small_run()
    assert len(series_of(journal, [Charge("default", "a", 1990, 10**18)]).seconds) == SECONDS_MAX + 1


def test_figures_end_with_the_verdict() -> None:
    """The last line of a failed run says what failed."""
    _, result = small_run()
    lines = figures.text(result).splitlines()
    assert lines[0] == "smoke:"
    assert lines[-1] == "FAILED: failed: 1."


def test_page_holds_figures_plots_and_checks() -> None:
    """The page is one file that contains its images; no placeholder of the template is left."""
    journal, result = small_run()
    template = report.TEMPLATE.read_text(encoding="utf-8")
    page = report.html(template, SMOKE, result, journal, {"A <plot>": b"png"})
    assert "FAILED: failed: 1." in page
    assert 'src="data:image/png;base64,cG5n"' in page
    assert "A &lt;plot&gt;" in page
    assert '<tr class="good">' in page


def test_page_lists_payments_to_look_at() -> None:
    """Ids of lost and doubled payments are in the page."""
    journal, _ = small_run()
    result = assess(SMOKE, journal, audit(journal.posts, [CHARGES[0]], 1990))
    page = report.html(report.TEMPLATE.read_text(encoding="utf-8"), SMOKE, result, journal, {})
    assert "<h3>lost</h3><p><code>b</code></p>" in page


def test_result_is_json_for_programs() -> None:
    """Decimals stay exact as text; complaints and double charges are there without computing."""
    journal, result = small_run()
    document = json.loads(report.as_json(result, series_of(journal, CHARGES)))
    assert document["result"]["score"]["gross_cents"] == 3980
    assert document["result"]["score"]["fine"] == "0"
    assert document["complaints"] == ["failed: 1"]
    assert document["double_charges"] == 0


def test_backlog_is_accepted_minus_settled() -> None:
    """While the backend gives no summary, the backlog is unknown rather than wrong."""
    progress = RunProgress(3.2, 10, 50, 0, {"default": 30, "fallback": 5}, "0 ms | 0 ms", 0)
    assert progress.backlog == 15
    unknown = RunProgress(3.2, 10, 50, 0, None, "0 ms | 0 ms", 0)
    assert unknown.backlog is None
    assert unknown.fields()["backlog"] == "?"


def test_command_line_names_targets_and_folder() -> None:
    """Defaults are the ports of `make up`; a slash at the end of a URL does not matter."""
    config = config_from(["smoke", "--no-stack", "--base-url", "http://localhost:1234/"])
    assert config.targets.backend == "http://localhost:1234"
    assert config.targets.processors == {"default": "http://127.0.0.1:8001", "fallback": "http://127.0.0.1:8002"}
    assert (config.folder, config.start) == (RUN_DIR / "rinha/smoke", as_found)


def test_under_limits_the_load_goes_through_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a published port of docker is reached; its floor is one that was measured in the same way."""
    monkeypatch.setenv("ENGINE", "")
    monkeypatch.setenv("LIMITS", "compose")
    config = config_from(["smoke"])
    assert config.targets.backend == f"http://127.0.0.1:{relay.PORT}"
    assert (config.start, config.floor) == (limited_processes, floor.FILES["limits"])
    monkeypatch.setenv("LIMITS", "")
    config = config_from(["smoke"])
    assert config.targets.backend == "http://127.0.0.1:9999"
    assert (config.start, config.floor) == (processes, floor.FILES["processes"])


@pytest.mark.parametrize(
    "options",
    [
        ["--base-url", "http://example.org"],
        ["--processors", "http://127.0.0.1:8001,http://10.0.0.1:8002"],
        ["--processors", "http://127.0.0.1:8001"],
    ],
)
def test_load_goes_only_to_this_machine(options: list[str]) -> None:
    """Another host, or a number of processors that is not two, is refused before anything starts."""
    with pytest.raises(CannotRunError):
        config_from(["smoke", *options])


def test_an_unknown_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error lists the known ones."""
    monkeypatch.setenv("ENGINE", "podman")
    with pytest.raises(CannotRunError, match=r"ENGINE must be one of processes, docker, not 'podman'"):
        config_from(["smoke"])


def test_without_docker_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is built."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRunError, match=r"install docker\.io"):
        docker.check_engine()
    (tmp_path / "docker").write_text("#!/bin/sh\necho no daemon >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    with pytest.raises(CannotRunError, match=r"a Docker engine that runs .* says 'no daemon'"):
        docker.check_engine()


def test_a_page_shows_some_of_many_checks_and_all_that_differ() -> None:
    """6,000 rows without a difference would hide the one that has one."""
    same = {"default": Totals(1, 1990), "fallback": Totals(0, 0)}
    other = {"default": Totals(2, 3980), "fallback": Totals(0, 0)}
    checks = [Comparison(at, other if at == 777 else same, same, {}) for at in range(6_000)]
    shown = report.shown(checks, SMOKE)
    assert checks[777] in shown
    assert len(shown) <= report.CHECKS_MAX + 1
    assert report.shown(checks[:50], SMOKE) == checks[:50]
