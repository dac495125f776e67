"""deploy/monitoring/alerts.yml: each rule fires when it should and only then, and has its section in the runbook."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.alert_cases import CASES, promtool_tests
from tests.house.monitored import COMPOSE, FOLDER, OF_OTHERS, PROMETHEUS, ROOT, RULES, names_in

RUNBOOK = (ROOT / "docs/operations.md").read_text()
# The parts of each section, in this order.
PARTS = ("**It means**", "**Look at**", "**Do**")
ALERTS = {rule["alert"]: rule for rule in RULES}

every_alert = pytest.mark.parametrize("name", ALERTS)


def promtool() -> str:
    """Return promtool; a test without it is skipped, and fails where CI=true says that nothing may be missing."""
    if found := shutil.which("promtool"):
        return found
    reason = "promtool is not installed (Debian: prometheus)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def section(name: str) -> str:
    """Return the text of an alert's section."""
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert found, f"docs/operations.md has no section {name}"
    return found[1]


def expected(name: str) -> dict[str, Any]:
    """Return the labels and annotations with which an alert fires in its case."""
    rule, labels = ALERTS[name], CASES[name].labels
    summary = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], rule["annotations"]["summary"])
    return {"exp_labels": rule["labels"] | labels, "exp_annotations": rule["annotations"] | {"summary": summary}}


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    """Promtool evaluates the rules as Prometheus does, on series that make each fire and on series that do not."""
    assert set(CASES) == set(ALERTS)
    tests = promtool_tests(str(FOLDER / "alerts.yml"), {name: expected(name) for name in ALERTS})
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests, sort_keys=False))
    command = [promtool(), "test", "rules", str(tmp_path / "tests.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@every_alert
def test_every_alert_has_a_severity_a_summary_and_a_runbook(name: str) -> None:
    """One of two severities, one sentence, and the link to its section."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"[^.]+\.", re.sub(r"\$labels\.", "", rule["annotations"]["summary"]))
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"


@every_alert
def test_every_alert_has_a_runbook_section(name: str) -> None:
    """What it means, what to look at and what to do, with a command to copy."""
    text = section(name)
    places = [text.find(word) for word in PARTS]
    assert places == sorted(places)
    assert places[0] >= 0
    assert "`" in text[places[2] :] or "```" in text


def test_the_runbook_has_no_section_of_a_removed_alert() -> None:
    """Its sections are the rules' alerts and no others."""
    assert set(re.findall(r"^### (Tarifa\w+)$", RUNBOOK, re.MULTILINE)) == set(ALERTS)


@every_alert
def test_every_metric_of_a_rule_exists_in_a_service(name: str) -> None:
    """By its name in the code of some service; tests/e2e/test_metrics.py checks that it is really exported."""
    code = "".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    for metric in names_in(ALERTS[name]["expr"]) - OF_OTHERS:
        assert f'"{re.sub("_bucket$", "", metric)}"' in code, metric


def test_prometheus_reads_the_rules() -> None:
    """The file is mounted where Prometheus' configuration names it."""
    (path,) = PROMETHEUS["rule_files"]
    assert f"./deploy/monitoring/alerts.yml:{path}:ro" in COMPOSE["services"]["prometheus"]["volumes"]


def test_rules_name_only_jobs_that_prometheus_scrapes() -> None:
    """They use the jobs of prometheus.yml."""
    jobs = {job["job_name"] for job in PROMETHEUS["scrape_configs"]}
    named = re.findall(r'job=~?"([^"]+)"', "".join(rule["expr"] for rule in RULES))
    assert {job for text in named for job in text.split("|")} == jobs
