"""Starts stage after stage, keeps every part alive, and stops all in order, however the end comes about."""

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
from sandbox.stack.processes.part_runner import Keeper

# How soon a death or a signal is noticed. Looking at ten processes costs microseconds.
_TICK_S = 0.05

# Kept stores are read at the start; a million settlements take well under this.
_READY_WITHIN_S = 120.0


class Supervisor:
    """Runs the parts until a signal, the end of what reads its words, or a part that keeps dying."""

    def __init__(self, stages: Stages, folder: Path, console: Console, ready_within_s: float = _READY_WITHIN_S) -> None:
        self._stages = [[Keeper(part, folder, console) for part in stage] for stage in stages]
        self._started: list[Keeper] = []
        self._console = console
        self._ready_within_s = ready_within_s
        # A plain attribute: a lock, as in an Event, could be held by this very thread when the signal comes.
        self._stop_asked = False

    def stop_soon(self) -> None:
        """Ask for the end; safe in signal handlers and other threads."""
        self._stop_asked = True

    def run(self, unready: Callable[[], Sequence[str]], announcement: Sequence[str]) -> int:
        """Run to the end and return the exit code.

        ``unready`` is asked once every part serves, until it names nothing any more: then the announcement is made.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop_soon())
        try:
            if self._starts(unready):
                for line in (*announcement, "ready"):
                    self._console.say(line)
                while self._goes_on():
                    pass
        except StackError as error:
            self._console.say(f"{error}; stopping everything")
            return 1
        finally:
            self._stop()
        return 0

    def _starts(self, unready: Callable[[], Sequence[str]]) -> bool:
        deadline_s = time.monotonic() + self._ready_within_s
        for stage in self._stages:
            for keeper in stage:
                # Known before it runs: a failed start is cleaned up like any other end.
                self._started.append(keeper)
                keeper.start()
            if not self._wait(lambda: [keeper.part.name for keeper in self._started if not keeper.serves], deadline_s):
                return False
        return self._wait(unready, deadline_s)

    def _wait(self, missing: Callable[[], Sequence[str]], deadline_s: float) -> bool:
        """Wait until nothing is missing; false if the end was asked for before.

        Raises:
            StackError: at the deadline, or a part died too often.
        """
        while names := missing():
            if not self._goes_on():
                return False
            if time.monotonic() > deadline_s:
                raise StackError(f"not ready within {self._ready_within_s:g} s: {', '.join(names)}")
        return True

    def _goes_on(self) -> bool:
        time.sleep(_TICK_S)
        if self._stop_asked or self._console.gone:
            return False
        for keeper in self._started:
            keeper.tick(time.monotonic())
        return True

    def _stop(self) -> None:
        for stage in reversed(self._stages):
            for keeper in stage:
                keeper.ask_to_stop()
            asked_s = time.monotonic()
            for keeper in stage:
                while keeper.runs and time.monotonic() - asked_s < keeper.part.grace_s:
                    time.sleep(_TICK_S)
                keeper.kill()


def stop_with_stdin(supervisor: Supervisor) -> None:
    """Stop when the standard input ends: a test that is killed takes its stack with it."""

    def watch() -> None:
        # Not through sys.stdin: a thread inside its buffer at the interpreter's end is a fatal error.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        supervisor.stop_soon()

    threading.Thread(target=watch, name="stdin", daemon=True).start()
