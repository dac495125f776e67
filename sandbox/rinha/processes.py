"""Programs that a run starts and that never outlive it: asked to stop, waited for, and finally killed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.checkout import TOP

TAIL_LINES = 15
POLL_S = 0.1


class CannotRunError(RuntimeError):
    """The run cannot continue; the message says why and, if possible, what to do about it."""


@contextmanager
def started(
    command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str], stop_within_s: float
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program with its output in a file, and stop it at the end of the block.

    It gets its own session, so that a Ctrl-C in the terminal reaches it through us: once, and in order. Its
    standard input stays open as long as this process, for a program that ends with its user.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process, within_s=stop_within_s)


def stop(process: subprocess.Popen[bytes], *, within_s: float) -> None:
    """Interrupt the program and give it time; then kill what is left of its session."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(within_s)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def wait_for_line(process: subprocess.Popen[bytes], line: str, *, log: Path, within_s: float) -> None:
    """Return when the program has printed this line; raises `CannotRunError` if it dies or takes too long."""
    deadline = time.monotonic() + within_s
    while line not in log.read_text(errors="replace").splitlines():
        ensure_alive(process, log=log)
        if time.monotonic() > deadline:
            raise CannotRunError(f"{name_of(process)} did not say {line!r} in {within_s:.0f} s. {tail_of(log)}")
        time.sleep(POLL_S)


def ensure_alive(process: subprocess.Popen[bytes], *, log: Path) -> None:
    """Raise `CannotRunError`, with the end of its log, if the program has ended."""
    if process.poll() is not None:
        raise CannotRunError(f"{name_of(process)} ended with exit code {process.returncode}. {tail_of(log)}")


def tail_of(log: Path) -> str:
    """Quote the last lines of a log file."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "Its last lines:\n" + "\n".join(f"  {line}" for line in lines) if lines else "It printed nothing."


def name_of(process: subprocess.Popen[bytes]) -> str:
    """Return a program's name without its folder."""
    command = [str(part) for part in process.args] if isinstance(process.args, (list, tuple)) else [str(process.args)]
    return " ".join([Path(command[0]).name, *command[1:3]])
