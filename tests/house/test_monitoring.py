"""Prometheus and Grafana beside the backend: what they ask, where they stand, and that nobody else is let in.

That every metric of the dashboard is really told is tests/e2e/test_metrics.py.
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


def test_prometheus_asks_every_service_where_it_listens() -> None:
    """Each service of ours is a target, at the port of its METRICS_LISTEN; its job is its program."""
    asked = {
        target: job["job_name"]
        for job in PROMETHEUS["scrape_configs"]
        for each in job["static_configs"]
        for target in each["targets"]
    }
    told = {
        f"{name}:{BACKEND['services'][name]['environment']['METRICS_LISTEN'].rpartition(':')[2]}": module
        for name in OURS
        for module in [BACKEND["services"][name]["command"][-1].removeprefix("services.")]
    }
    assert asked == told
    assert len(asked) == 4


def test_metrics_never_go_through_the_balancer() -> None:
    """Its configuration knows the sockets only, and no port of a service is published."""
    for path in ("nginx.conf", "deploy/upstream.conf", "deploy/listen.conf"):
        text = (ROOT / path).read_text()
        assert "9100" not in text
        assert "metrics" not in text
    assert not [name for name in OURS if "ports" in BACKEND["services"][name]]


def test_the_monitoring_joins_the_backends_network_and_adds_nothing_to_the_backend() -> None:
    """It is a project of its own; the network is the one that docker-compose.yml makes."""
    assert COMPOSE["name"] != BACKEND["name"]
    assert COMPOSE["networks"] == {"backend": {"external": True, "name": f"{BACKEND['name']}_backend"}}
    assert not set(COMPOSE["services"]) & set(BACKEND["services"])
    for service in COMPOSE["services"].values():
        assert service["networks"] == ["backend"]
        assert service["cap_drop"] == ["ALL"]


def test_both_are_published_to_this_machine_only_and_grafana_lets_nobody_in() -> None:
    """Whoever comes may look, and no more."""
    published = [port for service in COMPOSE["services"].values() for port in service["ports"]]
    assert published == ["127.0.0.1:9090:9090", "127.0.0.1:3000:3000"]
    env = COMPOSE["services"]["grafana"]["environment"]
    assert env["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert (env["GF_AUTH_BASIC_ENABLED"], env["GF_AUTH_DISABLE_LOGIN_FORM"]) == ("false", "true")


def test_what_is_mounted_is_there_and_grafana_finds_it() -> None:
    """The data source has the name that panels ask for, and the dashboard lies where it is looked for."""
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


def test_the_dashboard_has_the_questions_in_rows_and_no_two_panels_in_one_place() -> None:
    """Money, flow, processors, latency, services, from top to bottom."""
    rows = [panel["title"].partition(":")[0] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Money", "Flow", "Processors", "Latency", "Services"]
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
def test_every_expression_asks_for_something_and_shows_only_what_it_groups_by(expression: str) -> None:
    """It is whole, and its legend names labels that the result has."""
    assert metrics_in(expression) or expression == "up"
    assert expression.count("(") == expression.count(")")
    for shown in [labels for found, labels in legends() if found == expression]:
        kept = labels_in(expression)
        assert shown <= (kept or OF_PROMETHEUS)
