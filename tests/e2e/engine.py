"""Docker compose on a real engine, for tests; without an engine or base images they skip with the reason."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sandbox.rinha import docker
from sandbox.rinha.processes import CannotRunError

ROOT = Path(__file__).parents[2]
DOCKER = shutil.which("docker") or "docker"
HTTP2_BY_ITSELF = (1, 25, 1)  # the first nginx with a directive for HTTP/2
FEES = {"FEE_DEFAULT": "0.05", "FEE_FALLBACK": "0.15"}
OPEN = ("docker-compose.yml",)
CLOSED = ("docker-compose.yml", "docker-compose.closed.yml")


class Engine:
    """A compose project on the engine, from these compose files."""

    def __init__(self, files: Sequence[str], folder: Path) -> None:
        self.folder = folder
        self.command = (*docker.BACKEND, *(word for file in files[1:] for word in ("-f", file)))
        self.environment = {"COMPOSE_PROJECT_NAME": docker.PROJECT, "COMPOSE_FILE": ":".join(files)}

    def run(self, *what: str) -> str:
        """Run a compose command; return its output. Fails the test when the command fails."""
        done = self.try_run(*what)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_run(self, *what: str) -> subprocess.CompletedProcess[str]:
        """Run a compose command; return the result, also when it failed."""
        return subprocess.run([*self.command, *what], cwd=ROOT, capture_output=True, text=True, check=False)

    def services(self) -> list[str]:
        """Return the running services."""
        return self.run("ps", "--services", "--status", "running").split()

    def inspect(self, service: str) -> dict[str, Any]:
        """Return ``docker inspect`` of a service's container."""
        command = [DOCKER, "inspect", self.run("ps", "--quiet", service).strip()]
        return dict(json.loads(subprocess.check_output(command))[0])

    def stop(self, *services: str) -> None:
        """Stop these services in order; each must exit by itself, in time and with status 0."""
        self.run("stop", *services)
        for service in services:
            ended_with = self.run("ps", "--all", "--format", "{{.ExitCode}}", service)
            assert ended_with.strip() == "0", f"{service} was killed, or failed:\n{self.run('logs', service)}"


@contextmanager
def up(files: Sequence[str], folder: Path, ask: Callable[[Engine], httpx.Response]) -> Iterator[Engine]:
    """Run everything, with images of the current code. ``ask``: request readiness from the balancer."""
    try:
        docker.check_engine()
    except CannotRunError as error:
        pytest.skip(str(error))
    engine = Engine([*files, *_for_an_old_nginx(files, folder)], folder)
    running = docker.up(docker.Docker(folder / "docker.log", FEES, engine.command), lambda: ask(engine))
    try:
        running.__enter__()
    except CannotRunError as error:
        if "pull" in str(error) or "manifest" in str(error):
            pytest.skip(f"a base image is not available: {error}")
        raise
    try:
        yield engine
    finally:
        running.__exit__(None, None, None)


def environment(engine: Engine) -> dict[str, str]:
    """Return the environment by which a program finds the project."""
    return {**os.environ, **engine.environment}


def _for_an_old_nginx(files: Sequence[str], folder: Path) -> list[str]:
    """Return a compose file for an image of Debian's older nginx, whose HTTP/2 is an option of ``listen``."""
    image = yaml.safe_load((ROOT / files[0]).read_text())["services"]["nginx"]["image"]
    command = [DOCKER, "run", "--rm", "--entrypoint", "nginx", image, "-v"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    version = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", output)
    if files == OPEN or version is None or tuple(map(int, version.groups())) >= HTTP2_BY_ITSELF:
        return []
    listen = folder / "listen.conf"
    text = (ROOT / "deploy/listen.tls.conf").read_text()
    listen.write_text(text.replace("listen 9999 ssl;\nhttp2 on;\n", "listen 9999 ssl http2;\n"))
    listen.chmod(0o644)
    changed = folder / "docker-compose.old-nginx.yml"
    changed.write_text(json.dumps({"services": {"nginx": {"volumes": [f"{listen}:/etc/tarifa/listen.conf:ro"]}}}))
    return [str(changed)]
