"""deploy/monitoring/alerts.yml: each rule fires and rests as said, and has its section in the runbook."""

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
# Each section says these, in this order.
SAYS = ("**It means**", "**Look at**", "**Do**")
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


def test_every_alert_fires_and_rests_as_said(tmp_path: Path) -> None:
    """Promtool evaluates the rules as Prometheus does, on series that make each fire, and on some that do not."""
    assert set(CASES) == set(ALERTS)
    tests = promtool_tests(str(FOLDER / "alerts.yml"), {name: expected(name) for name in ALERTS})
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests, sort_keys=False))
    command = [promtool(), "test", "rules", str(tmp_path / "tests.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@every_alert
def test_every_alert_says_how_grave_it_is_and_what_happened(name: str) -> None:
    """One of two severities, one sentence, and the address of its section."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"[^.]+\.", re.sub(r"\$labels\.", "", rule["annotations"]["summary"]))
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"


@every_alert
def test_every_alert_has_a_section_that_says_what_to_do(name: str) -> None:
    """What it means, what to look at and what to do, with a command to copy."""
    text = section(name)
    places = [text.find(word) for word in SAYS]
    assert places == sorted(places)
    assert places[0] >= 0
    assert "`" in text[places[2] :] or "```" in text


def test_no_section_is_of_an_alert_that_is_gone() -> None:
    """The runbook has the rules' alerts and no others."""
    assert set(re.findall(r"^### (Tarifa\w+)$", RUNBOOK, re.MULTILINE)) == set(ALERTS)


@every_alert
def test_every_metric_of_a_rule_is_told_by_a_service(name: str) -> None:
    """By its name in the code of some service; that it is really told is tests/e2e/test_metrics.py."""
    code = "".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    for metric in names_in(ALERTS[name]["expr"]) - OF_OTHERS:
        assert f'"{re.sub("_bucket$", "", metric)}"' in code, metric


def test_prometheus_reads_the_rules() -> None:
    """The file is mounted where its configuration looks for it."""
    (path,) = PROMETHEUS["rule_files"]
    assert f"./deploy/monitoring/alerts.yml:{path}:ro" in COMPOSE["services"]["prometheus"]["volumes"]


def test_no_rule_names_a_job_that_prometheus_does_not_ask() -> None:
    """Rules go by the jobs of prometheus.yml."""
    jobs = {job["job_name"] for job in PROMETHEUS["scrape_configs"]}
    named = re.findall(r'job=~?"([^"]+)"', "".join(rule["expr"] for rule in RULES))
    assert {job for text in named for job in text.split("|")} == jobs
