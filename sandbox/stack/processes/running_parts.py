"""The parts of a running stack, from outside: their processes, and the stores of its nats-servers."""

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.stack.run_dir import allow_start, keep_stopped, write_env

LOOK_EVERY_S = 0.02
_ENDED_WITHIN_S = 10.0
_STORE = "jetstream"


class RunningParts:
    """The parts that run in a stack's folder, ``nats_nodes`` servers among them."""

    def __init__(self, run_dir: Path, *, nats_nodes: int) -> None:
        self.run_dir = run_dir
        self.nats_nodes = nats_nodes

    @property
    def nats_parts(self) -> tuple[str, ...]:
        """The names of the nats-servers among the parts."""
        return tuple(f"nats-{place + 1}" for place in range(self.nats_nodes)) if self.nats_nodes > 1 else ("nats",)

    def pid(self, part: str) -> int:
        """Return a part's process id.

        Raises:
            FileNotFoundError: it is not running now.
        """
        return int((self.run_dir / f"{part}.pid").read_text())

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a part and what it started, as SIGKILL, or SIGSTOP and SIGCONT; return its process id."""
        pid = self.pid(part)
        os.killpg(pid, number)
        return pid

    def reconfigure(self, part: str, env: Mapping[str, str]) -> None:
        """Give a part settings of its own from its next start on; empty: the same as the others again."""
        write_env(self.run_dir, part, env)

    def keep_stopped(self, *parts: str) -> dict[str, int]:
        """Kill parts, and do not restart them until `allow_start`; return the ids of the killed processes by part.

        Raises:
            TimeoutError: one of them does not end.
        """
        for part in parts:
            keep_stopped(self.run_dir, part)
        died: dict[str, int] = {}
        for part in parts:
            with suppress(FileNotFoundError, ProcessLookupError):  # dead, and its restart will wait
                died[part] = self.kill(part)
        for part in parts:
            self._until_ended(part)
        return died

    def allow_start(self, *parts: str) -> None:
        """Let parts that are kept stopped be started again."""
        for part in parts:
            allow_start(self.run_dir, part)

    def copy_store(self, to: Path) -> None:
        """Copy the stores of all nats-servers, frozen meanwhile; raises FileNotFoundError if one does not run."""
        with self.frozen(*self.nats_parts):
            self._copy_store(to)

    def restore_store(self, copy: Path, *others: str) -> dict[str, int]:
        """Kill all nats-servers, and other parts, and restart them on the copies; otherwise as `keep_stopped`."""
        parts = (*self.nats_parts, *others)
        try:
            died = self.keep_stopped(*parts)
            for part in self.nats_parts:
                shutil.rmtree(self._store(part))
                shutil.copytree(copy / part, self._store(part))
        finally:
            self.allow_start(*parts)
        return died

    def cut_power(self, copy: Path, *others: str) -> dict[str, int]:
        """Do the same with copies made now: whatever was answered before is in one of them."""
        with self.frozen(*self.nats_parts):
            self._copy_store(copy)
            return self.restore_store(copy, *others)

    def empty_store(self, part: str) -> None:
        """Kill one nats-server, and restart it without a store; raises as `keep_stopped`."""
        try:
            self.keep_stopped(part)
            shutil.rmtree(self._store(part))
        finally:
            self.allow_start(part)

    @contextmanager
    def frozen(self, *parts: str) -> Iterator[None]:
        """Freeze parts for the block; raises FileNotFoundError if one does not run."""
        try:
            for part in parts:
                self.kill(part, signal.SIGSTOP)
            yield
        finally:
            for part in parts:
                with suppress(FileNotFoundError, ProcessLookupError):  # killed meanwhile
                    self.kill(part, signal.SIGCONT)

    def _until_ended(self, part: str) -> None:
        deadline_s = time.monotonic() + _ENDED_WITHIN_S
        while (self.run_dir / f"{part}.pid").exists():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{part} did not end within {_ENDED_WITHIN_S:g} s")
            with suppress(FileNotFoundError, ProcessLookupError):
                self.kill(part)  # also one that was just starting
            time.sleep(LOOK_EVERY_S)

    def wait_restarted(self, part: str, died: int, within_s: float = 30.0) -> int:
        """Wait until a part runs again under another process id than ``died``, and return the new one.

        Raises:
            TimeoutError: it does not in time.
        """
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            try:
                if (pid := self.pid(part)) != died:
                    return pid
            except FileNotFoundError:
                pass  # dead, and not yet restarted
            time.sleep(LOOK_EVERY_S)
        raise TimeoutError(f"{part} was not restarted within {within_s:g} s")

    def _store(self, part: str) -> Path:
        return self.run_dir / part / _STORE

    def _copy_store(self, to: Path) -> None:
        for part in self.nats_parts:
            shutil.copytree(self._store(part), to / part)
