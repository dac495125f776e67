"""A stack for tests: free ports, its own folder, ready when the ``with`` block begins."""

import os
import queue
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.checkout import TOP
from sandbox.stack.errors import StackError
from sandbox.stack.plan import client_tls, keys, metrics_ports, ports
from sandbox.stack.plan.options import http_url, is_open
from sandbox.stack.plan.ports import HOST
from sandbox.stack.processes.running_parts import LOOK_EVERY_S, RunningParts
from services.access.bus_credentials import BusCredentials, bus_credentials
from services.contracts.permissions import ADMIN, OPERATOR
from services.settings import environment as setting

_DISPATCHERS_MAX = 4  # of a test
_METRICS_PORTS = len(metrics_ports.ports(metrics_ports.FIRST, _DISPATCHERS_MAX))
_LINES_MAX = 200_000
_LINES_IN_AN_ERROR = 40

# The sum of what the stages may take to stop, and a margin.
_STOP_WITHIN_S = 60.0


class Stack(RunningParts):
    """``python -m sandbox.stack`` in the background; it ends with its user, even a killed one.

    ``env`` is added to this process's environment: PROCESSORS, INGRESSES, DISPATCHERS, KEEP, SANDBOX_FEES, and what
    services read.
    With a ``run_dir`` stores can be kept from one stack to the next; without, a temporary folder is removed at the end.
    ``log_lines`` are the last lines; a ``log_file`` gets them all. ``metrics``: services have metrics, on free ports.
    ``not_ports`` are ports that will be needed by something which does not listen yet.
    """

    command: tuple[str, ...] = (sys.executable, "-m", "sandbox.stack")

    def __init__(
        self,
        run_dir: Path | None = None,
        env: Mapping[str, str] | None = None,
        *,
        flags: Sequence[str] = (),
        ready_within_s: float = 90.0,
        log_file: Path | None = None,
        metrics: bool = False,
        not_ports: Collection[int] = (),
    ) -> None:
        self._own_dir = run_dir is None
        self.log_lines: deque[str] = deque(maxlen=_LINES_MAX)
        # Users of a stack call it over plain HTTP, unless ``env`` has TLS.
        self._env = {**os.environ, "TLS": "", **(env or {})}
        folder = run_dir or Path(tempfile.mkdtemp(prefix="tarifa-"))
        super().__init__(folder, nats_nodes=int(self._env.get("NATS_NODES") or 1))
        self.ports = ports.of_a_stack(self.nats_nodes, not_ports)
        taken = tuple(port + place for port in self.ports.values() for place in range(self.nats_nodes))
        self._metrics_first_port = ports.free_in_a_row(_METRICS_PORTS, but=taken) if metrics else metrics_ports.NONE
        self._flags = flags
        self.route_proxies: Sequence[int] = ()  # as --route-proxies, from the next start
        self._ready_within_s = ready_within_s
        self._log_file = log_file
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    @property
    def http_url(self) -> str:
        """The base URL for clients."""
        return http_url(self.ports["http"], tls=self.is_tls)

    @property
    def is_tls(self) -> bool:
        """Whether clients must use HTTPS, as TLS=1 says."""
        return setting.flag(self._env, "TLS")

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """What an httpx client must be given as ``verify``."""
        return client_tls.verify(self.run_dir) if self.is_tls else True

    @property
    def nats_url(self) -> str:
        """The address of nats-server, or of each of three, as in NATS_URL."""
        return ",".join(f"nats://{HOST}:{self.ports['nats'] + place}" for place in range(self.nats_nodes))

    def nats_env(self, user: str = OPERATOR) -> dict[str, str]:
        """Return the environment of a program that connects to this stack's bus as this user."""
        return {"NATS_URL": self.nats_url, **keys.env_within(self.run_dir, user, is_open=is_open(self._env))}

    @property
    def bus_credentials(self) -> BusCredentials:
        """Access to everything on this stack's bus."""
        return bus_credentials(self.nats_env(ADMIN))

    @property
    def monitor_url(self) -> str:
        """The monitoring URL of nats-server, the first of three."""
        return f"http://{HOST}:{self.ports['monitor']}"

    def processor_url(self, name: str) -> str:
        """Return the URL of one of the stack's own processors: default or fallback."""
        return f"http://{HOST}:{self.ports[name]}"

    def metrics_url(self, part: str) -> str:
        """Return the URL of a service's metrics: ingress-1, ingress-2, ledger, dispatcher-1 and so on.

        Raises:
            KeyError: the stack has no metrics.
        """
        port = metrics_ports.ports(self._metrics_first_port, _DISPATCHERS_MAX)[part]
        return f"http://{HOST}:{port}/metrics"

    def start(self) -> None:
        """Start and wait until a payment would be accepted and counted.

        Raises:
            StackError: it ended or was not ready in time; the text has its last lines. Nothing is left running.
        """
        is_ready: queue.SimpleQueue[bool] = queue.SimpleQueue()
        port_flags = [text for name, port in self.ports.items() for text in (f"--{name}", str(port))]
        self._process = subprocess.Popen(
            [
                *self.command,
                *("--run-dir", str(self.run_dir), "--stop-with-stdin"),
                *port_flags,
                *("--metrics", str(self._metrics_first_port)),
                *([f"--route-proxies={','.join(map(str, self.route_proxies))}"] if self.route_proxies else []),
                *self._flags,
            ],
            cwd=TOP,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process, is_ready), daemon=True)
        self._reader.start()
        try:
            ready = is_ready.get(timeout=self._ready_within_s)
        except queue.Empty:
            ready = False
        if not ready:
            self.stop()
            last = "\n".join(list(self.log_lines)[-_LINES_IN_AN_ERROR:])
            raise StackError(f"the stack did not become ready:\n{last}")

    def stop(self) -> int:
        """Stop all in order and return the exit code; harmless if it has ended already."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if self._reader is not None:
            self._reader.join()
        if process.stdin is not None:
            process.stdin.close()
        if self._own_dir:
            shutil.rmtree(self.run_dir, ignore_errors=True)
        return code

    def wait_line(self, part: str, text: str, since: int = 0, within_s: float = 30.0) -> str:
        """Wait for a line of a part's log that contains a text, from line number ``since`` on; return it.

        Raises:
            TimeoutError: there is none in time.
        """
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            for line in list(self.log_lines)[since:]:
                if line.startswith(f"{part} ") and text in line:
                    return line
            time.sleep(LOOK_EVERY_S)
        raise TimeoutError(f"{part} did not log {text!r} within {within_s:g} s")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self, process: "subprocess.Popen[str]", is_ready: "queue.SimpleQueue[bool]") -> None:
        assert process.stdout is not None  # noqa: S101  # stdout is a pipe
        with process.stdout as output, (self._log_file or Path(os.devnull)).open("w", buffering=1) as file:
            for line in output:
                self.log_lines.append(line.rstrip("\n"))
                file.write(line)
                if line == "ready\n":
                    is_ready.put(True)  # noqa: FBT003  # the queue's item
        is_ready.put(False)  # noqa: FBT003
