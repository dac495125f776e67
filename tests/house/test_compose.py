"""The compose files against the challenge's rules, and against what the services and nginx.conf need."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.rinha import docker
from sandbox.stack.limits import compose_limits as limits
from sandbox.stack.plan import command_line
from sandbox.stack.plan import parts_to_run as plan
from services.contracts.processor import Processor, processors_from_text
from services.dispatcher.settings import settings as dispatcher_settings
from services.ingress.settings import ingress_settings
from services.ledger.settings import ledger_settings

ROOT = Path(__file__).parents[2]
BACKEND = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROCESSORS = yaml.safe_load((ROOT / "docker-compose.processors.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = BACKEND["services"]
INGRESSES = ("ingress-1", "ingress-2")

CPUS_MAX = Decimal("1.5")
MEMORY_MAX_BYTES = 350 * 1024**2
NATS_CPUS_MIN = Decimal("0.45")
PIDS_MAX = 256

# What each program reads from its environment, apart from LOG_LEVEL, which all read.
READERS: dict[str, Callable[[Mapping[str, str]], object]] = {
    "services.ingress": ingress_settings,
    "services.dispatcher": dispatcher_settings,
    "services.ledger": ledger_settings,
}
OF_GO = {"GOMEMLIMIT", "GOMAXPROCS", "GODEBUG", "GOGC"}


class Recorder(dict[str, str]):
    """An environment that records which variables were read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked = {"LOG_LEVEL"}

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value as a dict does, and record the key."""
        self.asked.add(key)
        return super().get(key, default)


def mounted(service: str) -> dict[str, str]:
    """Return a service's volumes: the outside path by the inside path."""
    pairs = (text.split(":")[:2] for text in SERVICES[service].get("volumes", ()))
    return {inside: outside for outside, inside in pairs}


def everything(value: Any) -> list[Any]:
    """Return a value and everything nested in it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(found for one in inner for found in everything(one))]


def test_all_services_together_keep_within_the_challenges_limits() -> None:
    """At most 1.5 CPUs and 350 MB, and every service has a limit; NATS has the CPU that measurements ask for."""
    given = limits.of_compose(BACKEND)
    assert set(given) == set(SERVICES)
    assert sum(limit.cpus for limit in given.values()) <= CPUS_MAX
    assert sum(limit.memory_bytes for limit in given.values()) <= MEMORY_MAX_BYTES
    assert given["nats"].cpus >= NATS_CPUS_MIN


def test_only_port_9999_of_the_balancer_is_published() -> None:
    """No other service has a published port."""
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "nginx": ["9999:9999"]
    }


def test_two_instances_of_ingress_are_behind_the_balancer() -> None:
    """Each with its own socket, on a shared volume, which the balancer's file names."""
    upstream = (ROOT / mounted("nginx")["/etc/tarifa/upstream.conf"]).read_text()
    sockets = [SERVICES[name]["environment"]["INGRESS_LISTEN"] for name in INGRESSES]
    assert re.findall(r"^server (\S+)", upstream, re.MULTILINE) == [
        *sockets,
        *sockets,
    ]  # each also as a backup
    assert len(set(sockets)) == 2
    for name in (*INGRESSES, "nginx"):
        assert mounted(name)["/run/tarifa"] == "sockets"


def test_the_sockets_belong_to_the_user_of_the_image_and_nginx() -> None:
    """One user for the volume, the image and nginx, so that no permission needs to be wider."""
    user = SERVICES["nginx"]["user"]
    assert f"USER {user}\n" in (ROOT / "Dockerfile").read_text()
    uid, gid = user.split(":")
    assert {f"uid={uid}", f"gid={gid}"} <= set(BACKEND["volumes"]["sockets"]["driver_opts"]["o"].split(","))


def test_networks_are_our_own_bridge_and_the_processors_network() -> None:
    """Only the service that calls processors is on theirs; none is on the host's."""
    assert BACKEND["networks"] == {"backend": {"driver": "bridge"}, "payment-processor": {"external": True}}
    assert [name for name, service in SERVICES.items() if "payment-processor" in service["networks"]] == ["dispatcher"]
    assert all("backend" in service["networks"] for service in SERVICES.values())


def test_nothing_is_privileged_replicated_or_of_another_architecture() -> None:
    """The challenge's other rules; and all capabilities are dropped."""
    for service in SERVICES.values():
        assert service["platform"] == "linux/amd64"
        assert service["cap_drop"] == ["ALL"]
        assert not {"privileged", "network_mode", "cap_add", "devices", "pid"} & set(service)
    keys = {key for value in everything(BACKEND) if isinstance(value, dict) for key in value}
    assert not {"replicas", "privileged", "network_mode"} & keys


def every_service() -> list[Any]:
    """Return each service of each compose file; those of the closed file are merged over docker-compose.yml."""
    found = []
    for path in sorted(ROOT.glob("docker-compose*.yml")):
        before = SERVICES if path.name == "docker-compose.closed.yml" else {}
        for name, override in yaml.safe_load(path.read_text())["services"].items():
            found.append(pytest.param(merged(before.get(name, {}), override), id=f"{path.name}:{name}"))
    return found


def merged(before: Any, override: Any) -> Any:
    """Return a value merged as compose merges a later file: mappings are merged, anything else is replaced."""
    if not (isinstance(before, dict) and isinstance(override, dict)):
        return override
    return {**before, **{key: merged(before.get(key), value) for key, value in override.items()}}


@pytest.mark.parametrize("service", every_service())
def test_every_container_has_least_privilege(service: dict[str, Any]) -> None:
    """A numeric user that is not root, no capabilities and no way to gain any, a read-only root, few processes."""
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    limits_set = service.get("deploy", {}).get("resources", {}).get("limits", {})
    assert 0 < service.get("pids_limit", limits_set.get("pids")) <= PIDS_MAX
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & set(service)


@pytest.mark.parametrize("service", every_service())
def test_no_health_check_runs_a_shell(service: dict[str, Any]) -> None:
    """It is a program with its arguments, which no shell parses again."""
    test = service.get("healthcheck", {}).get("test", ["CMD", "nothing"])
    assert test[0] == "CMD"
    assert test[1] not in {"sh", "bash", "ash", "env"}
    assert "-c" not in test


def test_every_service_has_a_health_check_a_restart_policy_and_a_grace_period() -> None:
    """No grace period is shorter than the sandbox gives the same part."""
    options = command_line.read([], {})
    stages = plan.stages(options, Path("/usr/sbin/nginx"))
    graces = {limits.service_of(part.name): part.grace_s for stage in stages for part in stage}
    for name, service in SERVICES.items():
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"
        assert int(service["stop_grace_period"].removesuffix("s")) >= graces[name]


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.get("image") == "tarifa"])
def test_every_variable_is_a_setting_that_its_service_reads_and_accepts(name: str) -> None:
    """A misspelt one would be ignored silently."""
    python, flag, module = SERVICES[name]["command"]
    assert (python, flag) == ("python", "-m")
    env = SERVICES[name]["environment"]
    assert all(isinstance(value, str) for value in env.values())
    recorder = Recorder(env)
    READERS[module](recorder)
    assert set(env) <= recorder.asked


def test_variables_of_nats_are_those_that_go_reads() -> None:
    """nats-server has its settings in a file; nginx reads no variables."""
    assert set(SERVICES["nats"]["environment"]) <= OF_GO
    assert "environment" not in SERVICES["nginx"]


def test_the_processors_are_the_challenges_and_purging_is_allowed() -> None:
    """The challenge defines the names on the network, and which one is cheaper."""
    for name in (*INGRESSES, "dispatcher", "ledger"):
        assert processors_from_text(SERVICES[name]["environment"]["PROCESSORS"]) == (
            Processor("default", "http://payment-processor-default:8080", Decimal("0.05")),
            Processor("fallback", "http://payment-processor-fallback:8080", Decimal("0.15")),
        )
    assert {SERVICES[name]["environment"]["ALLOW_PURGE"] for name in INGRESSES} == {"1"}


@pytest.mark.parametrize(("service", "main"), [("nginx", "nginx.conf"), ("nats", "nats.conf")])
def test_the_files_that_a_configuration_includes_are_mounted_beside_it(service: str, main: str) -> None:
    """The files that differ from the sandbox's exist, and are mounted where they are included."""
    inside = mounted(service)
    assert (ROOT / inside[f"/etc/tarifa/{main}"]).read_text() == (ROOT / main).read_text()
    names = re.findall(r"^\s*include (?:\./)?([\w.-]+);?$", (ROOT / main).read_text(), re.MULTILINE)
    assert names
    for name in names:
        assert (ROOT / inside[f"/etc/tarifa/{name}"]).is_file()


def test_the_streams_outlive_their_container() -> None:
    """The store is on a named volume, at a folder that any user may write to: a new volume takes its mode."""
    store = mounted("nats")["/var/tmp"]  # noqa: S108  # the volume is there, and NATS is alone in its container
    assert store == "streams"
    for name in ("where.conf", "where.closed.conf"):
        assert 'STORE: "/var/tmp"' in (ROOT / "deploy" / name).read_text().splitlines()
    assert BACKEND["volumes"]["streams"] == {}


def test_the_limits_sync_as_the_compose_file_does() -> None:
    """LIMITS=compose imitates the file, including how often NATS syncs to disk."""
    sync = command_line.read([], {"LIMITS": "compose"}).sync
    assert f'SYNC: "{sync}"' in (ROOT / mounted("nats")["/etc/tarifa/where.conf"]).read_text().splitlines()


def test_the_sandboxs_processors_have_the_official_names_and_ports() -> None:
    """The names on the network, the ports on the host, and the network's name."""
    services = PROCESSORS["services"]
    assert PROCESSORS["networks"] == {"payment-processor": {"name": "payment-processor", "driver": "bridge"}}
    assert {name: service["ports"] for name, service in services.items()} == {
        "payment-processor-default": ["127.0.0.1:8001:8080"],
        "payment-processor-fallback": ["127.0.0.1:8002:8080"],
    }
    assert PROCESSORS["name"] != BACKEND["name"]


def test_a_load_test_takes_down_only_its_own_projects() -> None:
    """It removes everything with the volumes, so its projects must not be those of `docker compose up`."""
    for command in (docker.BACKEND, docker.PROCESSORS_UP):
        assert command[command.index("-p") + 1] not in {BACKEND["name"], PROCESSORS["name"]}
