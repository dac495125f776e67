"""A stack of one's own for tests: free ports, a folder of its own, ready when the ``with`` block begins."""

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.stack import metered, ports
from sandbox.stack.errors import StackError
from sandbox.stack.ports import HOST
from sandbox.stack.run_dir import write_env

_TOP = Path(__file__).parents[2]
_DISPATCHERS_MEASURED = 4  # no test runs more
_MEASURED = len(metered.ports(metered.FIRST, _DISPATCHERS_MEASURED))
_LINES_MAX = 200_000
_LINES_IN_AN_ERROR = 40
_LOOK_EVERY_S = 0.02

# The sum of what the stages may take to stop, and some.
_STOP_WITHIN_S = 60.0


class Stack:
    """``python -m sandbox.stack`` in the background; ends with its user, even if that one is killed.

    ``env`` comes on top of this process's environment: PROCESSORS, INGRESSES, DISPATCHERS, KEEP, SANDBOX_FEES, and what
    services read.
    With a ``run_dir`` stores can be kept from one stack to the next; without, a temporary folder is removed at the end.
    ``log_lines`` are the last lines; a ``log_file`` gets them all. ``metrics``: services are measured, on free ports.
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
    ) -> None:
        self._own_dir = run_dir is None
        self.run_dir = run_dir or Path(tempfile.mkdtemp(prefix="tarifa-"))
        self.log_lines: deque[str] = deque(maxlen=_LINES_MAX)
        self._env = {**os.environ, **(env or {})}
        self.nats_nodes = int(self._env.get("NATS_NODES") or 1)
        self.ports = ports.of_a_stack(self.nats_nodes)
        taken = tuple(port + place for port in self.ports.values() for place in range(self.nats_nodes))
        self._metrics_first_port = ports.free_in_a_row(_MEASURED, but=taken) if metrics else metered.NONE
        self._flags = flags
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
        """Where clients come in."""
        return f"http://{HOST}:{self.ports['http']}"

    @property
    def nats_url(self) -> str:
        """Where nats-server listens, or each of three, as in NATS_URL."""
        return ",".join(f"nats://{HOST}:{self.ports['nats'] + place}" for place in range(self.nats_nodes))

    @property
    def monitor_url(self) -> str:
        """Where nats-server is monitored, the first of three."""
        return f"http://{HOST}:{self.ports['monitor']}"

    def processor_url(self, name: str) -> str:
        """Return where one of the stack's own processors listens: default or fallback."""
        return f"http://{HOST}:{self.ports[name]}"

    def metrics_url(self, part: str) -> str:
        """Return where a service is measured: ingress-1, ingress-2, ledger, dispatcher-1 and so on.

        Raises:
            KeyError: the stack was not told to have it measured.
        """
        port = metered.ports(self._metrics_first_port, _DISPATCHERS_MEASURED)[part]
        return f"http://{HOST}:{port}/metrics"

    def start(self) -> None:
        """Start and wait until a payment would be accepted and counted.

        Raises:
            StackError: it ended or was not ready in time; the text has its last lines. Nothing is left running.
        """
        said_ready: queue.SimpleQueue[bool] = queue.SimpleQueue()
        port_flags = [text for name, port in self.ports.items() for text in (f"--{name}", str(port))]
        self._process = subprocess.Popen(
            [
                *self.command,
                *("--run-dir", str(self.run_dir), "--stop-with-stdin"),
                *port_flags,
                *("--metrics", str(self._metrics_first_port)),
                *self._flags,
            ],
            cwd=_TOP,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process, said_ready), daemon=True)
        self._reader.start()
        try:
            ready = said_ready.get(timeout=self._ready_within_s)
        except queue.Empty:
            ready = False
        if not ready:
            self.stop()
            last = "\n".join(list(self.log_lines)[-_LINES_IN_AN_ERROR:])
            raise StackError(f"the stack did not become ready:\n{last}")

    def stop(self) -> int:
        """Stop all in order and return the exit code; harmless if it ended already."""
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

    def pid(self, part: str) -> int:
        """Return a part's process id.

        Raises:
            FileNotFoundError: it is not running at this moment.
        """
        return int((self.run_dir / f"{part}.pid").read_text())

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a part and what it started, as SIGKILL, or SIGSTOP and SIGCONT; return its process id."""
        pid = self.pid(part)
        os.killpg(pid, number)
        return pid

    def reconfigure(self, part: str, env: Mapping[str, str]) -> None:
        """Have a part see other settings than the rest from its next start on; none: the same ones again."""
        write_env(self.run_dir, part, env)

    def copy_store(self, to: Path) -> None:
        """Copy the store of a frozen nats-server; raises as `put_store_back`."""
        self.kill("nats", signal.SIGSTOP)
        try:
            shutil.copytree(self._store, to)
        finally:
            self.kill("nats", signal.SIGCONT)

    def put_store_back(self, copy: Path) -> int:
        """Kill nats-server, and have it start again on the copy, as after a power cut; return who was killed.

        Raises:
            FileNotFoundError, ProcessLookupError: it is not running.
        """
        assert self._process is not None  # noqa: S101  # the stack runs
        self._process.send_signal(signal.SIGSTOP)  # or it would start it again before the copy is in its place
        try:
            died = self.kill("nats", signal.SIGKILL)
            shutil.rmtree(self._store)
            shutil.copytree(copy, self._store)
        finally:
            self._process.send_signal(signal.SIGCONT)
        return died

    @property
    def _store(self) -> Path:
        return self.run_dir / "nats" / "jetstream"

    def wait_restarted(self, part: str, died: int, within_s: float = 30.0) -> int:
        """Wait until a part runs again under another process id than ``died``, and return the new one.

        Raises:
            TimeoutError: it does not.
        """
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            try:
                if (pid := self.pid(part)) != died:
                    return pid
            except FileNotFoundError:
                pass  # between two lives
            time.sleep(_LOOK_EVERY_S)
        raise TimeoutError(f"{part} was not started again within {within_s:g} s")

    def wait_line(self, part: str, text: str, since: int = 0, within_s: float = 30.0) -> str:
        """Wait for a line of a part's log that holds a text, among the lines from number ``since`` on; return it.

        Raises:
            TimeoutError: none comes.
        """
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            for line in list(self.log_lines)[since:]:
                if line.startswith(f"{part} ") and text in line:
                    return line
            time.sleep(_LOOK_EVERY_S)
        raise TimeoutError(f"{part} did not log {text!r} within {within_s:g} s")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self, process: "subprocess.Popen[str]", said_ready: "queue.SimpleQueue[bool]") -> None:
        assert process.stdout is not None  # noqa: S101  # it was asked for
        with process.stdout as output, (self._log_file or Path(os.devnull)).open("w", buffering=1) as file:
            for line in output:
                self.log_lines.append(line.rstrip("\n"))
                file.write(line)
                if line == "ready\n":
                    said_ready.put(True)  # noqa: FBT003  # what the queue is about
        said_ready.put(False)  # noqa: FBT003
