"""The stack under a real Docker engine: docker-compose.yml as submitted, with processors that have no limits.

Measured from outside: the engine says what runs, and the kernel what it has used.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

import httpx
import yaml

from sandbox.checkout import TOP
from sandbox.nats_connection import NatsAddress
from sandbox.rinha.backend import Backend
from sandbox.rinha.processes import CannotRunError
from sandbox.rinha.profile import PROCESSORS, Profile
from sandbox.stack.limits import compose_limits as limits
from sandbox.stack.limits.cgroups import MOUNTED_AT, GroupUsage
from sandbox.stack.limits.engine_groups import Container, usage_of

# Their own projects: what is taken down at the end, with its volumes, is no other running system.
PROJECT = "tarifa-load"
BACKEND = ("docker", "compose", "-p", PROJECT, "-f", "docker-compose.yml")
PROCESSORS_UP = ("docker", "compose", "-p", f"{PROJECT}-processors", "-f", "docker-compose.processors.yml")
IMAGES = (("services", "tarifa"), ("processor", "tarifa-processor"))
READY_AT = "http://127.0.0.1:9999/readyz"
READY_WITHIN_S = 90.0
READY_TIMEOUT_S = 1.0
SAMPLE_EVERY_S = 0.1
TAIL_LINES = 15
NATS_PORT = 4222
FLOOR_CONF = Path(__file__).with_name("floor.conf")
CONTAINER_PORT = 9999  # where nginx listens in its container


@dataclass(frozen=True, slots=True)
class Docker:
    """The engine's command line, with all of its output in one log. ``backend``: compose's command for its project."""

    log: Path
    env: Mapping[str, str]
    backend: Sequence[str] = BACKEND

    def run(self, *command: str) -> str:
        """Run a command to its end and return what it printed.

        Raises:
            CannotRunError: it failed; with the end of its output.
        """
        done = subprocess.run(
            command, cwd=TOP, env={**os.environ, **self.env}, capture_output=True, text=True, check=False
        )
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}\n")
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-TAIL_LINES:])
            raise CannotRunError(f"{' '.join(command)} failed:\n{tail}")
        return done.stdout

    def containers(self) -> dict[str, Container]:
        """Return the backend's containers by service."""
        ids = self.run(*self.backend, "ps", "--all", "--quiet").split()
        inspected = json.loads(self.run("docker", "inspect", *ids)) if ids else []
        found = {}
        for one in inspected:
            networks = one["NetworkSettings"]["Networks"].values()
            found[one["Config"]["Labels"]["com.docker.compose.service"]] = Container(
                process=int(one["State"]["Pid"]),
                address=next((network["IPAddress"] for network in networks if network["IPAddress"]), ""),
            )
        return found


@contextmanager
def compose(profile: Profile, folder: Path) -> Iterator[Backend]:
    """Build the images and start everything; take it all down at the end, with its volumes.

    Raises:
        CannotRunError: there is no engine, or it cannot build or start; the message says what is missing.
    """
    docker = Docker(folder / "docker.log", {f"FEE_{name.upper()}": str(profile.fees[name]) for name in PROCESSORS})
    with up(docker, lambda: httpx.get(READY_AT, timeout=READY_TIMEOUT_S, trust_env=False)):
        yield _backend(docker)


@contextmanager
def up(docker: Docker, ask: Callable[[], httpx.Response]) -> Iterator[None]:
    """Build the images and start everything; take it all down at the end. ``ask``: one readiness request.

    Raises:
        CannotRunError: there is no engine, or it cannot build or start; the message says what is missing.
    """
    docker.log.write_text("", encoding="utf-8")
    check_engine()
    print("Building the images ...", flush=True)
    for target, tag in IMAGES:
        # Packages are downloaded by the host's network, which a builder's own bridge may not reach.
        docker.run("docker", "build", "--network", "host", "--target", target, "--tag", tag, ".")
    with ExitStack() as ends:  # each of these runs, even if one fails
        ends.callback(docker.run, *PROCESSORS_UP, "down", "--volumes")
        ends.callback(docker.run, *docker.backend, "down", "--volumes")
        ends.callback(_save_logs, docker, docker.log.with_name("stack.log"))
        print("docker compose up ...", flush=True)
        docker.run(*PROCESSORS_UP, "up", "--detach", "--no-build")
        docker.run(*docker.backend, "up", "--detach", "--no-build")
        _wait_until_ready(ask)
        yield


def _save_logs(docker: Docker, file: Path) -> None:
    file.write_text(docker.run(*docker.backend, "logs", "--no-color", "--timestamps"), encoding="utf-8")


@contextmanager
def floor(port: int, folder: Path) -> Iterator[Callable[[], None]]:
    """Run nginx alone at a port of the engine's network, without limits; raises CannotRunError."""
    docker = Docker(folder / "docker.log", {})
    docker.log.write_text("", encoding="utf-8")
    check_engine()
    conf = folder.resolve() / "nginx.conf"
    conf.write_text(
        Template(FLOOR_CONF.read_text(encoding="utf-8")).substitute(listen=CONTAINER_PORT), encoding="utf-8"
    )
    image = yaml.safe_load((TOP / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["nginx"]["image"]
    publish, mount = f"{port}:{CONTAINER_PORT}", f"{conf}:/etc/floor.conf:ro"
    nginx = ("nginx", "-p", "/tmp/", "-c", "/etc/floor.conf", "-e", "stderr", "-g", "daemon off;")  # noqa: S108  # its own
    command = ("--detach", "--rm", "--publish", publish, "--volume", mount, image, *nginx)
    container = docker.run("docker", "run", *command).strip()
    try:
        yield lambda: None
    finally:
        docker.run("docker", "stop", container)


def check_engine() -> None:
    """Check that there is an engine with compose v2.

    Raises:
        CannotRunError: there is none; the message says what to install or start.
    """
    if shutil.which("docker") is None:
        raise CannotRunError("ENGINE=docker needs a Docker engine, and there is no `docker` here: install docker.io.")
    for command, need in (
        (("docker", "info"), "a Docker engine that runs (start dockerd; be root or in the group docker)"),
        (("docker", "compose", "version"), "compose v2 (the plugin docker-compose-plugin)"),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise CannotRunError(f"ENGINE=docker needs {need}: {' '.join(command)} says {why!r}.")


def _backend(docker: Docker) -> Backend:
    containers = docker.containers()
    nats = containers["nats"]
    by_service = {name: limit for name, limit in limits.read().items() if name in containers}

    def usage() -> dict[str, GroupUsage]:
        return {name: usage_of(containers[name].process, MOUNTED_AT) for name in by_service}

    def check_alive() -> None:
        for name, container in containers.items():
            if not Path("/proc", str(container.process)).exists():
                raise CannotRunError(f"the container of {name} has ended, or was started again: see stack.log")

    return Backend(check_alive=check_alive, nats=NatsAddress(nats.address, NATS_PORT), limits=by_service, usage=usage)


def _wait_until_ready(ask: Callable[[], httpx.Response]) -> None:
    deadline_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline_s:
        try:
            if ask().is_success:
                return
        except httpx.HTTPError:
            pass  # not there yet; the deadline decides whether it ever is
        time.sleep(SAMPLE_EVERY_S)
    raise CannotRunError(f"/readyz does not answer 200 within {READY_WITHIN_S:g} s of `docker compose up`")
