"""Prometheus and Grafana beside the backend: what they scrape, where they run, and who has access.

tests/e2e/test_metrics.py checks that every metric of the dashboard is really exported.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.monitored import (
    COMPOSE,
    DASHBOARD,
    FOLDER,
    OF_PROMETHEUS,
    PROMETHEUS,
    ROOT,
    expressions,
    labels_in,
    legends,
    metrics_in,
    panels,
)

BACKEND: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = sorted(name for name, service in BACKEND["services"].items() if service.get("image") == "tarifa")


def test_prometheus_scrapes_every_service() -> None:
    """Each of our services is a target, at the port of its METRICS_LISTEN; its job is its program."""
    scraped = {
        target: job["job_name"]
        for job in PROMETHEUS["scrape_configs"]
        for each in job["static_configs"]
        for target in each["targets"]
    }
    served = {
        f"{name}:{BACKEND['services'][name]['environment']['METRICS_LISTEN'].rpartition(':')[2]}": module
        for name in OURS
        for module in [BACKEND["services"][name]["command"][-1].removeprefix("services.")]
    }
    assert scraped == served
    assert len(scraped) == 4


def test_metrics_never_go_through_the_balancer() -> None:
    """Its configuration names only the sockets, and no service publishes a port."""
    for path in ("nginx.conf", "deploy/upstream.conf", "deploy/listen.conf"):
        text = (ROOT / path).read_text()
        assert "9100" not in text
        assert "metrics" not in text
    assert not [name for name in OURS if "ports" in BACKEND["services"][name]]


def test_the_monitoring_joins_the_backends_network_and_adds_nothing_to_the_backend() -> None:
    """It is a separate project; the network is the one that docker-compose.yml creates."""
    assert COMPOSE["name"] != BACKEND["name"]
    assert COMPOSE["networks"] == {"backend": {"external": True, "name": f"{BACKEND['name']}_backend"}}
    assert not set(COMPOSE["services"]) & set(BACKEND["services"])
    for service in COMPOSE["services"].values():
        assert service["networks"] == ["backend"]
        assert service["cap_drop"] == ["ALL"]


def test_both_are_published_to_this_machine_only_and_grafana_is_read_only() -> None:
    """Anonymous users may view, and nobody can sign in."""
    published = [port for service in COMPOSE["services"].values() for port in service["ports"]]
    assert published == ["127.0.0.1:9090:9090", "127.0.0.1:3000:3000"]
    env = COMPOSE["services"]["grafana"]["environment"]
    assert env["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert (env["GF_AUTH_BASIC_ENABLED"], env["GF_AUTH_DISABLE_LOGIN_FORM"]) == ("false", "true")


def test_mounted_files_exist_and_grafana_finds_them() -> None:
    """The data source has the id that panels use, and the dashboard is where Grafana looks for it."""
    inside = {}
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            outside, path = volume.split(":")[:2]
            inside[path] = outside
            assert not outside.startswith(".") or (ROOT / outside).exists(), outside
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards/tarifa.yml").read_text())["providers"]
    (port,) = COMPOSE["services"]["prometheus"]["ports"]
    assert source["url"] == f"http://prometheus:{port.rpartition(':')[2]}"
    assert {panel["datasource"]["uid"] for panel in panels()} == {source["uid"]}
    home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert str(Path(home).parent) == provider["options"]["path"]
    assert (ROOT / inside[home]).read_text() == (FOLDER / "dashboard.json").read_text()


def test_the_dashboard_has_its_rows_in_order_and_no_overlapping_panels() -> None:
    """Money, traffic, processors, latency, services, from top to bottom."""
    rows = [panel["title"].partition(":")[0] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Money", "Traffic", "Processors", "Latency", "Services"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("expression", expressions())
def test_every_expression_names_a_metric_and_its_legend_uses_its_labels(expression: str) -> None:
    """Its parentheses are balanced, and its legend uses only labels of the result."""
    assert metrics_in(expression) or expression == "up"
    assert expression.count("(") == expression.count(")")
    for shown in [labels for found, labels in legends() if found == expression]:
        kept = labels_in(expression)
        assert shown <= (kept or OF_PROMETHEUS)
