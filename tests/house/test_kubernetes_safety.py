"""The safety of deploy/kubernetes: what pods may do, what they can reach, and what outlives them."""

import json
import re
import shutil
import subprocess

import pytest

from services.access.nkey import NKey
from tests.house.kubernetes import (
    OVERLAYS,
    ROOT,
    SERVICES,
    Resource,
    all_of,
    bytes_of,
    container,
    environment,
    files,
    pod,
    secrets,
    workloads,
)

PAYMENTS = "PAYMENTS"
GIT = shutil.which("git") or "git"

both = pytest.mark.parametrize("overlay", OVERLAYS)
every_workload = pytest.mark.parametrize("name", ["nats", "ledger", "dispatcher", "ingress", "balancer"])


@both
@every_workload
def test_every_pod_has_least_privilege(overlay: str, name: str) -> None:
    """No root user, a read-only root, no capabilities, no token; the namespace enforces what it can."""
    of_pod, of_container = pod(overlay, name), container(overlay, name)["securityContext"]
    assert of_pod["automountServiceAccountToken"] is False
    assert of_pod["securityContext"]["runAsNonRoot"] is True
    assert f"{of_pod['securityContext']['runAsUser']}:{of_pod['securityContext']['runAsGroup']}" == "10001:10001"
    assert of_pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert of_container["readOnlyRootFilesystem"] is True
    assert of_container["allowPrivilegeEscalation"] is False
    assert of_container["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(of_pod)
    (namespace,) = all_of(overlay, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@both
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_its_own_key_and_the_servers_authority(overlay: str, name: str) -> None:
    """In its own secret, not world-readable in its pod; the servers know that key as that user."""
    own = secrets(overlay, name)
    assert set(own) == {"key.nk", "ca.pem"}
    (volume,) = [each for each in pod(overlay, name)["volumes"] if each["name"] == "secrets"]
    assert volume["secret"]["defaultMode"] == 0o440
    (mount,) = [each for each in container(overlay, name)["volumeMounts"] if each["name"] == "secrets"]
    env = environment(overlay, name)
    assert (env["NATS_CREDENTIALS"], env["NATS_CA"]) == (f"{mount['mountPath']}/key.nk", f"{mount['mountPath']}/ca.pem")
    servers = files(overlay, "nats")
    assert own["ca.pem"] == servers["ca.pem"]
    users = json.loads(servers["users.conf"].partition("authorization: ")[2])["users"]
    (known,) = [user for user in users if user["nkey"] == NKey.from_text(own["key.nk"]).public]
    assert (f"$JS.API.STREAM.CREATE.{PAYMENTS}" in known["permissions"]["publish"]["allow"]) == (name != "ingress")


@both
def test_the_servers_have_no_services_key_and_admit_only_clients_with_one(overlay: str) -> None:
    """And only over TLS; servers of a cluster verify each other's certificate."""
    servers = files(overlay, "nats")
    assert not [
        name for name, text in servers.items() if name.endswith(".nk") or re.search(r"\bSU[A-Z2-7]{56}\b", text)
    ]
    where = servers["where.conf"]
    assert "include ./users.conf" in where.splitlines()
    client, _, cluster = where.partition("cluster {")
    assert re.search(r"^tls \{$", client, re.MULTILINE)
    assert bool(cluster) == (overlay == "three")
    assert not cluster or re.search(r"^    verify: true$", cluster, re.MULTILINE)
    (volume,) = [each for each in pod(overlay, "nats")["volumes"] if each["name"] == "configuration"]
    assert volume["projected"]["defaultMode"] == 0o440


def test_nothing_secret_is_in_the_repository() -> None:
    """The folder that kustomize reads secrets from is ignored."""
    ignored = subprocess.run([GIT, "check-ignore", "deploy/kubernetes/base/secrets/admin.nk"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


@both
@every_workload
def test_a_drain_takes_one_pod_of_each_at_a_time_and_is_never_blocked(overlay: str, name: str) -> None:
    """By a disruption budget for its own pods; an update starts a new pod first, except for NATS."""
    labels = workloads(overlay)[name]["spec"]["selector"]["matchLabels"]
    budgets = [
        each["spec"]
        for each in all_of(overlay, "PodDisruptionBudget").values()
        if each["spec"]["selector"]["matchLabels"] == labels
    ]
    assert [budget["maxUnavailable"] for budget in budgets] == [1]
    strategy = workloads(overlay)[name]["spec"].get("strategy")
    assert (strategy is None) == (name == "nats")
    assert strategy is None or strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@both
def test_the_streams_outlive_their_pods_and_have_room(overlay: str) -> None:
    """A volume for each server, larger than the store's limit, and retained whatever happens to the pods."""
    spec = workloads(overlay)["nats"]["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    (store,) = re.findall(r"max_file_store: (\d+)GB", files(overlay, "nats")["nats.conf"])
    assert bytes_of(claim["spec"]["resources"]["requests"]["storage"]) > int(store) * 10**9
    mounts = {each["name"]: each["mountPath"] for each in container(overlay, "nats")["volumeMounts"]}
    assert f'STORE: "{mounts[claim["metadata"]["name"]]}"' in files(overlay, "nats")["where.conf"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def _reaches(overlay: str) -> set[tuple[str, str, str]]:
    """Return the allowed connections between workloads: from, to, port."""
    found = set()
    for policy in all_of(overlay, "NetworkPolicy").values():
        for rule in policy["spec"].get("ingress", ()):
            for source in rule.get("from", ()):
                found |= {
                    (who, whom, str(port["port"]))
                    for who in _chosen(overlay, source.get("podSelector"))
                    for whom in _chosen(overlay, policy["spec"]["podSelector"])
                    for port in rule["ports"]
                }
    return found


def _chosen(overlay: str, selector: Resource | None) -> list[str]:
    if selector is None:
        return []
    labels = selector.get("matchLabels", {}).items()
    return [
        n for n, each in workloads(overlay).items() if labels <= each["spec"]["template"]["metadata"]["labels"].items()
    ]


@both
def test_each_workload_reaches_only_what_it_needs(overlay: str) -> None:
    """The balancer ingress, the services NATS, its servers each other; only the dispatcher reaches outside."""
    assert _reaches(overlay) == {
        ("balancer", "ingress", "http"),
        *((name, "nats", "nats") for name in SERVICES),
        ("nats", "nats", "routes"),
    }
    policies = all_of(overlay, "NetworkPolicy")
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    outside = [n for n, each in policies.items() if "ipBlock" in str(each["spec"].get("egress", ""))]
    assert outside == ["dispatcher"]
