"""The overlays of deploy/kubernetes as kustomize renders them, and look-ups in them."""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = ("one", "three")
# The names of the servers, as in docs/kubernetes.md.
SERVERS = ("nats-0.nats", "nats-1.nats", "nats-2.nats", "127.0.0.1")
SERVICES = ("ledger", "dispatcher", "ingress")

Resource = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Resource, ...]:
    """Return the resources of an overlay; the test is skipped where neither kustomize nor kubectl is installed."""
    program = shutil.which("kustomize") or shutil.which("kubectl")
    if program is None:
        reason = "neither kustomize nor kubectl is installed, and one of them renders deploy/kubernetes"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    verb = "build" if Path(program).name == "kustomize" else "kustomize"
    with tempfile.TemporaryDirectory() as here:
        copy = shutil.copytree(FOLDER, Path(here, "kubernetes"), ignore=shutil.ignore_patterns("secrets"))
        make = [sys.executable, "-m", "services.access", copy / "base/secrets", *SERVERS]
        subprocess.run(make, check=True, cwd=ROOT)
        command = [program, verb, str(copy / "overlays" / overlay)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def all_of(overlay: str, *kinds: str) -> dict[str, Resource]:
    """Return the resources of these kinds by name."""
    return {each["metadata"]["name"]: each for each in rendered(overlay) if each["kind"] in kinds}


def workloads(overlay: str) -> dict[str, Resource]:
    """Return the resources that create pods, by name."""
    return all_of(overlay, "Deployment", "StatefulSet")


def pod(overlay: str, name: str) -> Resource:
    """Return the specification of a workload's pods."""
    return dict(workloads(overlay)[name]["spec"]["template"]["spec"])


def container(overlay: str, name: str) -> Resource:
    """Return the one container of a workload's pods."""
    (only,) = pod(overlay, name)["containers"]
    return dict(only)


def environment(overlay: str, name: str) -> dict[str, str]:
    """Return a workload's environment variables; one taken from a field of the pod has an example value."""
    found: dict[str, str] = {}
    for source in container(overlay, name).get("envFrom", ()):
        found |= all_of(overlay, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    for one in container(overlay, name).get("env", ()):
        found[one["name"]] = one.get("value", f"{name}-6d4cf56db6-x7k2p")
    return found


def files(overlay: str, name: str) -> dict[str, str]:
    """Return the texts of a workload's configuration by file, including NATS' secrets."""
    found: dict[str, str] = {}
    for volume in pod(overlay, name)["volumes"]:
        for source in (volume, *volume.get("projected", {}).get("sources", ())):
            if "configMap" in source:
                found |= all_of(overlay, "ConfigMap")[source["configMap"]["name"]]["data"]
            elif "secret" in source and "name" in source["secret"]:
                found |= secret(overlay, source["secret"]["name"])
    return found


def secret(overlay: str, name: str) -> dict[str, str]:
    """Return the texts of a secret, by file."""
    data = all_of(overlay, "Secret")[name]["data"]
    return {file: base64.b64decode(text).decode() for file, text in data.items()}


def secrets(overlay: str, name: str) -> dict[str, str]:
    """Return the files that a service's NATS_CREDENTIALS and NATS_CA point to."""
    (volume,) = [each for each in pod(overlay, name)["volumes"] if each["name"] == "secrets"]
    return secret(overlay, volume["secret"]["secretName"])


def ports(overlay: str, name: str) -> dict[str, int]:
    """Return the ports of a workload's container, by name."""
    return {port["name"]: port["containerPort"] for port in container(overlay, name)["ports"]}


def bytes_of(quantity: str) -> int:
    """Read a quantity of memory or storage as Kubernetes does, as 64Mi."""
    units = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
    return int(quantity[:-2]) * units[quantity[-2:]]


def cores_of(quantity: str) -> Decimal:
    """Read a quantity of CPU as Kubernetes does, as 110m or 1."""
    return Decimal(quantity.removesuffix("m")) / (1000 if quantity.endswith("m") else 1)
