"""The monitoring's files as tests read them, and the names that a PromQL expression uses."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/monitoring"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.monitoring.yml").read_text())
PROMETHEUS: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())

_NAME = re.compile(r"\b(?:tarifa|process|python)_\w+")
_BY = re.compile(r"\b(?:by|on) \(([^)]*)\)")
# Prometheus adds these to every series that it scrapes.
OF_PROMETHEUS = {"job", "instance"}
# Metrics of Kubernetes, and Prometheus' own metric of its targets.
OF_OTHERS = {"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes", "up"}
# Exported only where servers form a cluster.
OF_A_CLUSTER = {"tarifa_nats_server_up"}


def panels() -> list[dict[str, Any]]:
    """Return the panels without the row headings."""
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """Return every PromQL expression of the dashboard."""
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def metrics_in(expression: str) -> set[str]:
    """Return the names of our series that an expression uses."""
    return set(_NAME.findall(expression))


def names_in(expression: str) -> set[str]:
    """Return the names of all series that an expression uses, ours or not."""
    return metrics_in(expression) | {name for name in OF_OTHERS if re.search(rf"\b{name}\b", expression)}


def labels_in(expression: str) -> set[str]:
    """Return the labels that an expression groups or matches by."""
    return {label.strip() for group in _BY.findall(expression) for label in group.split(",")}


def legends() -> Iterator[tuple[str, set[str]]]:
    """Yield each expression with the labels that its legend shows."""
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"], set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
