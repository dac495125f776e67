"""Runs one part: starts it, prints what it logs, restarts it when it dies, stops it when asked.

Every process leads its own session: Ctrl-C in the terminal reaches the supervisor only, and what a part leaves behind
when it is killed (nginx's worker) ends with the rest of its group.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO

from sandbox.checkout import TOP
from sandbox.stack import run_dir
from sandbox.stack.console import Console
from sandbox.stack.errors import StackError
from sandbox.stack.plan.parts_to_run import Part
from sandbox.stack.processes import restart

_END_WITH_PARENT = Path(__file__).with_name("end_with_parent.py")

# Longer lines are printed in pieces: a part that logs without line ends must not fill this process's memory.
_LINE_MAX = 65_536

# The last output of a part is read before its process is dropped; only another holder of its pipe can take longer.
_LAST_OUTPUT_S = 1.0


class PartRunner:
    """One part. Use it in one thread only: the kernel ties a process to the thread that started it."""

    def __init__(self, part: Part, folder: Path, console: Console) -> None:
        self.part = part
        self._folder = folder
        self._console = console
        self._process: subprocess.Popen[bytes] | None = None
        self._serving = threading.Event()
        self._reader: threading.Thread | None = None
        self._deaths_s: deque[float] = deque(maxlen=restart.DEATHS_MAX)
        self._start_at_s = 0.0

    @property
    def serves(self) -> bool:
        """Whether the process that runs now has logged that it is ready."""
        return self._process is not None and self._serving.is_set()

    @property
    def runs(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process."""
        part = self.part
        enter = tuple(text for group in part.enters for text in ("--enter", str(group)))
        wrapper = (sys.executable, "-I", "-S", str(_END_WITH_PARENT), *enter, str(os.getpid()))
        self._process = subprocess.Popen(
            (*wrapper, str(int(part.orphan_signal)), *part.command),
            cwd=TOP,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **part.env, **run_dir.read_env(self._folder, part.name)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        run_dir.write_pid(self._folder, part.name, self._process.pid)
        self._serving = threading.Event()
        if not part.ready:
            self._serving.set()
        arguments = (self._process.stdout, self._serving)
        self._reader = threading.Thread(target=self._print_log, args=arguments, name=part.name, daemon=True)
        self._reader.start()

    def tick(self, now_s: float) -> None:
        """Handle a death, and start the part again when it is due.

        Raises:
            StackError: the part died too often.
        """
        if self._process is None:
            if now_s >= self._start_at_s and not run_dir.is_kept_stopped(self._folder, self.part.name):
                self.start()
        elif not self.runs:
            how = _ending(self._process.returncode)
            self._drop()
            self._after_death(how, now_s)

    def ask_to_stop(self) -> None:
        """Send the part its stop signal."""
        if self._process is not None and self.runs:
            self._process.send_signal(self.part.stop_signal)

    def kill(self) -> None:
        """End the part and everything that it started."""
        if self.runs:
            self._console.part(self.part.name, f"did not stop within {self.part.grace_s:g} s: killed")
        self._drop()

    def _drop(self) -> None:
        """Drop the process, and end what it left behind."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if self._reader is not None:
            self._reader.join(_LAST_OUTPUT_S)
        run_dir.remove_pid(self._folder, self.part.name)

    def _after_death(self, how: str, now_s: float) -> None:
        self._deaths_s.append(now_s)
        match restart.after_death(self._deaths_s, now_s):
            case restart.StopEverything(deaths):
                raise StackError(f"{self.part.name} died {deaths} times within {restart.WINDOW_S:g} s, at last {how}")
            case restart.StartAgain(at_s):
                self._start_at_s = at_s
                self._console.part(self.part.name, f"died, {how}: restarting it")

    def _print_log(self, log: IO[bytes], serving: threading.Event) -> None:
        with log:
            for raw in iter(lambda: log.readline(_LINE_MAX), b""):
                line = raw.decode(errors="replace").rstrip()
                self._console.part(self.part.name, line)
                if self.part.ready in line:
                    serving.set()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
