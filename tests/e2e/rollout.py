"""A rolling update as Kubernetes does it, with processes: new instances beside old ones, behind one address.

The kernel plays the Service: it gives a new connection to any process that listens on the shared port. The balancer's
files and the readiness probes are those of deploy/kubernetes.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.stack import Stack
from sandbox.stack.plan import balancer
from sandbox.stack.plan.ports import HOST, free
from tests.e2e.running_system import PATIENCE_S

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy/kubernetes/base"
POLL_EVERY_S = 0.05


@contextmanager
def running_balancer(stack: Stack, folder: Path) -> Iterator[str]:
    """Run nginx with the files of deploy/kubernetes in front of a stack's shared port; yields its URL."""
    nginx = balancer.find_nginx()
    if nginx is None:
        reason = "nginx is not installed (Debian: nginx-light)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    (port,) = free(1)
    replaced = {"ingress:8080": f"{HOST}:{stack.ports['http']}", "listen 9999": f"listen {HOST}:{port}"}
    for name in ("nginx.conf", "upstream.conf", "listen.conf"):
        text = (BASE / name).read_text()
        for there, here in replaced.items():
            text = text.replace(there, here)
        (folder / name).write_text(text)
    process = subprocess.Popen(balancer.command(nginx, folder))
    try:
        yield f"http://{HOST}:{port}"
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(PATIENCE_S)


class Instance:
    """Another process of a service, beside those of a stack."""

    def __init__(self, stack: Stack, service: str, name: str, env: Mapping[str, str]) -> None:
        self.service = service
        (self._metrics_port,) = free(1)
        own = {
            **stack.nats_env(service),
            "NATS_REPLICAS": str(stack.nats_nodes),
            "SYNC": "always",
            "PROCESSORS": ",".join(
                f"{each}={stack.processor_url(each)}@{fee}" for each, fee in (("default", "0.05"), ("fallback", "0.15"))
            ),
            "INSTANCE": name,
            "INGRESS_LISTEN": f"{HOST}:{stack.ports['http']}",
            "INGRESS_REUSE_PORT": "1",
            "METRICS_LISTEN": f"{HOST}:{self._metrics_port}",
        }
        self._log = (stack.run_dir / f"{name}.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"services.{service}"],
            cwd=ROOT,
            env={**os.environ, **env, **own},
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )

    async def until_ready(self) -> None:
        """Wait until it is ready: by the manifest's readiness command, or for ingress by its log."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not self._is_ready():
            assert self._process.poll() is None, f"{self.service} ended:\n{self.log}"
            assert time.monotonic() < deadline_s, f"{self.service} is not ready:\n{self.log}"
            await asyncio.sleep(POLL_EVERY_S)

    async def stop(self) -> None:
        """Send SIGTERM; it must exit with 0 within its pod's termination grace period."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        grace_s = _pod(self.service)["terminationGracePeriodSeconds"]
        code = await asyncio.to_thread(self._process.wait, grace_s)
        assert code == 0, self.log

    def kill(self) -> None:
        """Kill it if it still runs."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    @property
    def log(self) -> str:
        """Its whole log so far."""
        return Path(self._log.name).read_text()

    def _is_ready(self) -> bool:
        probe = _pod(self.service)["containers"][0]["readinessProbe"]
        if "exec" not in probe:
            return "ingress.ready" in self.log
        here = {"has_metric": str(ROOT / "deploy/has_metric"), "9100": str(self._metrics_port)}
        command = [here.get(word, word) for word in probe["exec"]["command"]]
        done = subprocess.run(command, capture_output=True, timeout=probe["timeoutSeconds"], check=False)
        return done.returncode == 0


def _pod(service: str) -> dict[str, Any]:
    documents = yaml.safe_load_all((BASE / f"{service}.yaml").read_text())
    (spec,) = [each["spec"]["template"]["spec"] for each in documents if each["kind"] == "Deployment"]
    return dict(spec)
