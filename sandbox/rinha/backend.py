"""What is under load: our own stack as processes, the same under a Docker engine, or whatever runs already."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.checkout import RUN_DIR
from sandbox.nats_connection import NatsAddress
from sandbox.rinha.processes import CannotRunError, ensure_alive, started, wait_for_line
from sandbox.rinha.profile import PROCESSORS, Profile
from sandbox.rinha.relay import relaying
from sandbox.rinha.state_samples import CpuUsage
from sandbox.stack.limits import limited_stack as limited
from sandbox.stack.limits.cgroups import GroupUsage
from sandbox.stack.limits.compose_limits import Limit
from sandbox.stack.limits.usage import cpu_s_by_service
from sandbox.stack.plan import keys
from sandbox.stack.plan.options import is_open
from sandbox.stack.plan.ports import HOST
from services.access.bus_credentials import BusCredentials, bus_credentials
from services.contracts.permissions import READER

READY_WITHIN_S = 60.0
STACK_STOPS_WITHIN_S = 60.0
STACK_NATS_PORT = 4222
PORT = 9999


def engine_from(env: Mapping[str, str]) -> str:
    """Return `processes`, `limits` (processes under limits) or `docker`, as ENGINE and LIMITS say.

    Raises:
        CannotRunError: ENGINE has another value.
    """
    engine = env.get("ENGINE") or "processes"
    if engine not in ("processes", "docker"):
        raise CannotRunError(f"ENGINE must be one of processes, docker, not {engine!r}.")
    return "limits" if engine == "processes" and env.get("LIMITS") else engine


def _no_usage() -> dict[str, GroupUsage]:
    return {}


@dataclass(frozen=True, slots=True)
class Backend:
    """One backend while it runs.

    Args:
        check_alive: raises CannotRunError if it has died.
        nats: where to ask for its internal state; None: it is not asked for.
        limits: of each service; empty without limits.
        usage: what each limited service has used since its start.
        cpu_s: CPU seconds of each service, used without limits.
    """

    check_alive: Callable[[], None] = lambda: None
    nats: NatsAddress | None = None
    limits: Mapping[str, Limit] = field(default_factory=dict)
    usage: Callable[[], Mapping[str, GroupUsage]] = _no_usage
    cpu_s: Callable[[], Mapping[str, float]] = dict

    def cpu_usage(self) -> dict[str, CpuUsage]:
        """Return what each service has used so far."""
        if not self.limits:
            return {name: CpuUsage(cpu_s) for name, cpu_s in self.cpu_s().items()}
        return {name: CpuUsage(used.cpu_s, used.throttled_s) for name, used in self.usage().items()}


def _reader() -> BusCredentials:
    return bus_credentials(keys.env_within(RUN_DIR, READER, is_open=is_open(os.environ)))


@contextmanager
def processes(profile: Profile, folder: Path) -> Iterator[Backend]:
    """Run the stack as processes, under limits if LIMITS says so; raises CannotRunError."""
    log = folder / "stack.log"
    environment = {
        "ALLOW_PURGE": "1",
        "PYTHONUNBUFFERED": "1",
        "SANDBOX_FEES": ",".join(str(profile.fees[name]) for name in PROCESSORS),
    }
    command = [sys.executable, "-m", "sandbox.stack", "--stop-with-stdin"]
    with started(command, log=log, environment=environment, stop_within_s=STACK_STOPS_WITHIN_S) as process:
        print("Starting the stack ...", flush=True)
        wait_for_line(process, "ready", log=log, within_s=READY_WITHIN_S)
        groups = limited.find(RUN_DIR)
        yield Backend(
            check_alive=lambda: ensure_alive(process, log=log),
            nats=NatsAddress(HOST, STACK_NATS_PORT, _reader()),
            limits=groups.by_service if groups else {},
            usage=groups.usage if groups else _no_usage,
            cpu_s=lambda: cpu_s_by_service(RUN_DIR),
        )


@contextmanager
def limited_processes(profile: Profile, folder: Path) -> Iterator[Backend]:
    """The same under the limits of docker-compose.yml, reached through a relay as docker's published port is."""
    with processes(profile, folder) as backend, relaying(PORT, folder):
        yield backend


@contextmanager
def as_found(_profile: Profile, _folder: Path) -> Iterator[Backend]:
    """Use a running backend, of which only the address is known."""
    yield Backend()
