"""Starts the stages in order, restarts parts that die, and stops all in reverse order, however it ends."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.stack.console import Console
from sandbox.stack.errors import StackError
from sandbox.stack.plan.parts_to_run import Stages
from sandbox.stack.processes.part_runner import PartRunner

# How soon a death or a signal is noticed. Checking ten processes takes microseconds.
_TICK_S = 0.05

# Kept stores are read at the start; a million settlements take far less than this.
_READY_WITHIN_S = 120.0


class Supervisor:
    """Runs the parts until a signal, until the reader of its output is gone, or until a part keeps dying."""

    def __init__(self, stages: Stages, folder: Path, console: Console, ready_within_s: float = _READY_WITHIN_S) -> None:
        self._stages = [[PartRunner(part, folder, console) for part in stage] for stage in stages]
        self._started: list[PartRunner] = []
        self._console = console
        self._ready_within_s = ready_within_s
        # A plain attribute: a lock, as in an Event, could be held by this very thread when the signal comes.
        self._is_stopping = False

    def stop_soon(self) -> None:
        """Stop soon; safe in signal handlers and other threads."""
        self._is_stopping = True

    def run(self, unready: Callable[[], Sequence[str]], announcement: Sequence[str]) -> int:
        """Run to the end and return the exit code.

        ``unready`` is called once every part serves, until it returns nothing: then the announcement is printed.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop_soon())
        try:
            if self._start(unready):
                for line in (*announcement, "ready"):
                    self._console.say(line)
                while self._continues():
                    pass
        except StackError as error:
            self._console.say(f"{error}; stopping everything")
            return 1
        finally:
            self._stop()
        return 0

    def _start(self, unready: Callable[[], Sequence[str]]) -> bool:
        deadline_s = time.monotonic() + self._ready_within_s
        for stage in self._stages:
            for runner in stage:
                # Listed before it runs, so that a failed start is cleaned up like any other end.
                self._started.append(runner)
                runner.start()
            if not self._wait(lambda: [each.part.name for each in self._started if not each.serves], deadline_s):
                return False
        return self._wait(unready, deadline_s)

    def _wait(self, missing: Callable[[], Sequence[str]], deadline_s: float) -> bool:
        """Wait until nothing is missing; return False if it was asked to stop before.

        Raises:
            StackError: at the deadline, or when a part died too often.
        """
        while names := missing():
            if not self._continues():
                return False
            if time.monotonic() > deadline_s:
                raise StackError(f"not ready within {self._ready_within_s:g} s: {', '.join(names)}")
        return True

    def _continues(self) -> bool:
        time.sleep(_TICK_S)
        if self._is_stopping or self._console.reader_is_gone:
            return False
        for runner in self._started:
            runner.tick(time.monotonic())
        return True

    def _stop(self) -> None:
        for stage in reversed(self._stages):
            for runner in stage:
                runner.ask_to_stop()
            asked_s = time.monotonic()
            for runner in stage:
                while runner.runs and time.monotonic() - asked_s < runner.part.grace_s:
                    time.sleep(_TICK_S)
                runner.kill()


def stop_with_stdin(supervisor: Supervisor) -> None:
    """Stop when the standard input ends: a test that is killed takes its stack with it."""

    def watch() -> None:
        # Not through sys.stdin: a thread inside its buffer when the interpreter ends is a fatal error.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        supervisor.stop_soon()

    threading.Thread(target=watch, name="stdin", daemon=True).start()
