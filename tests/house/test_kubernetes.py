"""deploy/kubernetes against the schemas of Kubernetes, docker-compose.yml, and the services' settings."""

import copy
import os
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from sandbox.stack.limits import compose_limits as limits
from sandbox.stack.plan import nats
from services.access.secret_file import write_secret
from services.bus.wire.cluster import REPLICAS_POSSIBLE
from services.bus.wire.servers import servers_from_text
from tests.house.kubernetes import (
    FOLDER,
    OVERLAYS,
    ROOT,
    SERVICES,
    all_of,
    bytes_of,
    container,
    cores_of,
    environment,
    files,
    pod,
    ports,
    rendered,
    secrets,
    workloads,
)
from tests.house.test_compose import BACKEND, OF_GO, READERS, Recorder

# The oldest version in which all that is used here is stable: unhealthyPodEvictionPolicy.
KUBERNETES_LEAST = "1.31"
# Each workload, and the service of docker-compose.yml that does the same.
SAME = {
    "nats": "nats",
    "ledger": "ledger",
    "dispatcher": "dispatcher",
    "ingress": "ingress-1",
    "balancer": "nginx",
}
# docker-compose.yml is for the challenge. Here: API keys, users on NATS, no purging, no limit of calls to fit a share
# of a CPU, a sync before each PubAck, one address for all instances, and replicas.
ONLY_HERE = {"NATS_REPLICAS", "SYNC", "API_KEYS", "NATS_CREDENTIALS", "NATS_CA"}
ONLY_THERE = {"ALLOW_PURGE", "CALLS_PER_S_MAX", "OPEN"}
DIFFERENT = {"NATS_URL", "INSTANCE", "INGRESS_LISTEN", "SYNC"}

both = pytest.mark.parametrize("overlay", OVERLAYS)
every_workload = pytest.mark.parametrize("name", SAME)
every_service = pytest.mark.parametrize("name", SERVICES)


@both
def test_every_resource_is_valid(overlay: str) -> None:
    """By the schemas of the oldest version, and of the newest one that the validator knows."""
    for version in (KUBERNETES_LEAST, kubernetes_validate.latest_version()):
        for resource in rendered(overlay):
            kubernetes_validate.validate(resource, version, strict=True)


def test_a_misspelt_field_is_found() -> None:
    """The validator finds errors, which the test above relies on."""
    broken = copy.deepcopy(workloads("one")["nats"])
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(broken, KUBERNETES_LEAST, strict=True)


@both
def test_the_parts_are_those_of_docker_compose(overlay: str) -> None:
    """The same programs from the same images; one workload has both ingress instances."""
    assert set(workloads(overlay)) == set(SAME)
    assert set(SAME.values()) | {"ingress-2"} == set(BACKEND["services"])
    for name, there in SAME.items():
        same = BACKEND["services"][there]
        assert container(overlay, name)["image"] == same["image"]
        assert container(overlay, name)["command"] == (same.get("entrypoint") or same["command"])


@both
@every_service
def test_every_variable_is_a_setting_that_its_service_reads_and_accepts(
    overlay: str, name: str, tmp_path: Path
) -> None:
    """Some service reads it (most are shared), and each service accepts what it reads."""
    for file, text in secrets(overlay, name).items():
        write_secret(tmp_path / file, text)
    env = {variable: text.replace("/secrets/", f"{tmp_path}/") for variable, text in environment(overlay, name).items()}
    recorders = {module: Recorder(env) for module in READERS}
    for module, read in READERS.items():
        read(recorders[module])
    assert set(env) <= set().union(*(recorder.asked for recorder in recorders.values()))
    assert {"NATS_URL", "NATS_REPLICAS", "INSTANCE"} <= recorders[f"services.{name}"].asked & set(env)


@both
@every_service
def test_settings_differ_from_docker_compose_only_where_listed(overlay: str, name: str) -> None:
    """One list of differences for all services."""
    here, there = environment(overlay, name), BACKEND["services"][SAME[name]]["environment"]
    assert set(here) - set(there) <= ONLY_HERE
    assert set(there) - set(here) <= ONLY_THERE
    for variable in (set(here) & set(there)) - DIFFERENT:
        assert here[variable] == there[variable], variable


@both
def test_variables_of_nats_are_those_that_go_reads_and_its_name(overlay: str) -> None:
    """POD_NAME is the server's name in its configuration; Go's memory limit is below the container's."""
    env = environment(overlay, "nats")
    assert set(env) - OF_GO == {"POD_NAME"}
    limit = bytes_of(container(overlay, "nats")["resources"]["limits"]["memory"])
    assert bytes_of(env["GOMEMLIMIT"].removesuffix("B")) < limit


@both
def test_replicas_are_as_many_as_there_are_servers(overlay: str) -> None:
    """NATS_URL names each server; a single one is in no cluster."""
    servers = workloads(overlay)["nats"]["spec"]["replicas"]
    env = environment(overlay, "dispatcher")
    assert int(env["NATS_REPLICAS"]) == servers
    assert servers in REPLICAS_POSSIBLE
    service, port = workloads(overlay)["nats"]["spec"]["serviceName"], ports(overlay, "nats")["nats"]
    assert servers_from_text(env["NATS_URL"]) == tuple(f"nats://nats-{n}.{service}:{port}" for n in range(servers))
    routes = re.findall(r"nats://nats-(\d)\.nats:6222", files(overlay, "nats")["where.conf"])
    assert routes == ([] if servers == 1 else ["0", "1", "2"])


@both
def test_nats_syncs_before_each_puback_and_accepts_its_configuration(overlay: str, tmp_path: Path) -> None:
    """The dispatcher's setting SYNC=always must be true; nats-server itself checks the files."""
    texts = files(overlay, "nats")
    assert environment(overlay, "dispatcher")["SYNC"] == "always"
    assert 'SYNC: "always"' in texts["where.conf"].splitlines()
    for name, text in texts.items():
        (tmp_path / name).write_text(text.replace("/etc/tarifa/", f"{tmp_path}/"))
    command = [nats.binary(), "-t", "-c", tmp_path / "nats.conf"]
    env = {**os.environ, "POD_NAME": "nats-0"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["nats.conf", "nginx.conf"])
def test_a_configuration_is_the_repositorys_own(name: str) -> None:
    """It is a copy, because kustomize reads nothing outside its folder."""
    assert (FOLDER / "base" / name).read_bytes() == (ROOT / name).read_bytes()


@both
def test_ports_are_those_of_docker_compose(overlay: str) -> None:
    """Of the balancer, metrics, NATS and its monitoring; a Service leads to a port that exists."""
    ((door),) = BACKEND["services"]["nginx"]["ports"]
    assert all_of(overlay, "Service")["tarifa"]["spec"]["ports"][0]["port"] == int(door.partition(":")[0])
    assert ports(overlay, "balancer") == {"http": int(door.partition(":")[2])}
    assert files(overlay, "balancer")["listen.conf"].splitlines()[-1] == f"listen {ports(overlay, 'balancer')['http']};"
    assert all(ports(overlay, name)["metrics"] == 9100 for name in SERVICES)
    assert environment(overlay, "ingress")["INGRESS_LISTEN"].endswith(f":{ports(overlay, 'ingress')['http']}")
    where = files(overlay, "nats")["where.conf"]
    assert f'listen: "0.0.0.0:{ports(overlay, "nats")["nats"]}"' in where
    assert f'http: "0.0.0.0:{ports(overlay, "nats")["monitoring"]}"' in where
    upstream = set(re.findall(r"^server (\S+)", files(overlay, "balancer")["upstream.conf"], re.MULTILINE))
    (behind,) = all_of(overlay, "Service")["ingress"]["spec"]["ports"]
    assert upstream == {f"ingress:{behind['port']}"}


@both
@every_workload
def test_every_part_has_probes_and_time_to_stop(overlay: str, name: str) -> None:
    """For readiness and liveness; its grace period is at least that of docker-compose.yml plus preStop's wait."""
    asked, of_pod = container(overlay, name), pod(overlay, name)
    names = set(ports(overlay, name))
    for probe in ("readinessProbe", "livenessProbe"):
        how = {"httpGet", "tcpSocket", "exec"} & set(asked[probe])
        assert how
        assert asked[probe].get("httpGet", asked[probe].get("tcpSocket", {"port": "metrics"}))["port"] in names
    grace_s = int(BACKEND["services"][SAME[name]]["stop_grace_period"].removesuffix("s"))
    hook = " ".join(asked.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ()))
    waits = re.search(r"^(?:sh -c )?sleep (\d+)", hook)
    assert of_pod["terminationGracePeriodSeconds"] >= grace_s + (int(waits[1]) if waits else 0)


@both
@every_workload
def test_every_part_gets_at_least_what_docker_compose_gives_it(overlay: str, name: str) -> None:
    """That much is requested; memory is limited to twice that or more, CPU is not limited."""
    there = limits.of_compose(BACKEND)[SAME[name]]
    resources = container(overlay, name)["resources"]
    assert cores_of(resources["requests"]["cpu"]) >= there.cpus
    assert bytes_of(resources["requests"]["memory"]) >= there.memory_bytes
    assert bytes_of(resources["limits"]["memory"]) >= 2 * bytes_of(resources["requests"]["memory"])
    assert "cpu" not in resources["limits"]


def test_the_image_name_is_set_in_one_place() -> None:
    """Where `kustomize edit set image` finds it; nothing names a registry."""
    text = "".join(path.read_text() for path in FOLDER.rglob("*.yaml"))
    assert text.count("value: tarifa\n") == 1
    assert not [image for image in re.findall(r"image: (\S+)", text) if "/" in image]


def test_every_file_is_used() -> None:
    """No manifest is left out by the kustomizations."""
    for kustomization in FOLDER.rglob("kustomization.yaml"):
        text = kustomization.read_text()
        assert yaml.safe_load(text)["kind"] == "Kustomization"
        for path in set(kustomization.parent.iterdir()) - {FOLDER / "base/secrets"}:
            assert path.name == "kustomization.yaml" or re.search(rf"[\s\[:]{re.escape(path.name)}\b", text), path
