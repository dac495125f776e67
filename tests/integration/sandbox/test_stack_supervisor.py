"""The supervisor with small parts: restarted, stopped in order, and none of them left behind."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.stack.run_dir import write_env

TOP = Path(__file__).parents[3]
PATIENCE_S = 60.0

PROGRAM = """
import json, sys
from pathlib import Path
from sandbox.stack.console import Console
from sandbox.stack.plan.parts_to_run import Part
from sandbox.stack.processes.supervisor import Supervisor

stages = tuple(
    tuple(Part(name, (sys.executable, "-c", code), {"WORD": name}, "serving", grace_s=0.5) for name, code in stage)
    for stage in json.loads(sys.argv[2])
)
sys.exit(Supervisor(stages, Path(sys.argv[1]), Console(sys.stdout)).run(list, ["all here"]))
"""

SERVES = """
import os, signal, sys
def stop(*_):
    print("stopping"); sys.exit(7)
signal.signal(signal.SIGTERM, stop)
print("serving as", os.environ["WORD"])
while True:
    signal.pause()
"""
DEAF = SERVES.replace("signal.signal(signal.SIGTERM, stop)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
DIES = "print('cannot'); raise SystemExit(3)"
LEAVES_A_CHILD = "import os\nif os.fork() == 0: print('child', os.getpid(), flush=True)\n" + SERVES


class SupervisorRun:
    """A supervisor in its own process, and its output."""

    def __init__(self, folder: Path, stages: list[list[tuple[str, str]]]) -> None:
        self.folder = folder
        self.lines: list[str] = []
        command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(stages)]
        self.process = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def until(self, text: str) -> str:
        """Return the next line that holds a text."""
        while (line := self._said.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
            if text in line:
                return line
        pytest.fail(f"there was no {text!r}, but:\n" + "\n".join(self.lines))

    def ended(self) -> int:
        """Wait for the end, and return the exit code; all lines are read then."""
        while (line := self._said.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        return self.process.wait(PATIENCE_S)

    def pid(self, part: str) -> int:
        """Return a part's process id from its file."""
        return int((self.folder / f"{part}.pid").read_text())

    def close(self) -> None:
        """End it if a test did not."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._said.put(line.rstrip())
        self._said.put(None)


Start = Callable[..., SupervisorRun]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a supervisor for stages of (name, Python code)."""
    runs: list[SupervisorRun] = []

    def begin(*stages: list[tuple[str, str]]) -> SupervisorRun:
        runs.append(SupervisorRun(tmp_path, list(stages)))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_gone(*pids: int) -> None:
    """Wait until processes have ended."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not all(map(is_gone, pids)):
        assert time.monotonic() < deadline_s, f"still there: {[pid for pid in pids if not is_gone(pid)]}"
        time.sleep(0.02)


def test_ready_is_printed_once_every_part_serves(start: Start) -> None:
    """Stage after stage serves, then the announcement, then ready on a line of its own."""
    run = start([("first", SERVES)], [("second", SERVES)])
    run.until("ready")
    assert run.lines == [
        "first              | serving as first",
        "second             | serving as second",
        "all here",
        "ready",
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_all_in_the_reverse_order(start: Start, number: signal.Signals) -> None:
    """The last started stops first; the exit code is 0 whatever the parts' are; no process id stays behind."""
    run = start([("first", SERVES)], [("second", SERVES)], [("third", SERVES)])
    run.until("ready")
    run.process.send_signal(number)
    assert run.ended() == 0
    assert [line.split()[0] for line in run.lines if "stopping" in line] == ["third", "second", "first"]
    assert not list(run.folder.glob("*.pid"))


def test_a_killed_part_is_started_again(start: Start) -> None:
    """After SIGKILL the part serves again under a new process id; the others are untouched."""
    run = start([("first", SERVES), ("second", SERVES)])
    run.until("ready")
    killed, untouched = run.pid("first"), run.pid("second")
    os.kill(killed, signal.SIGKILL)
    assert "killed by SIGKILL" in run.until("died")
    run.until("serving as first")
    assert run.pid("first") != killed
    assert run.pid("second") == untouched


def test_a_part_has_other_settings_from_its_next_start_on(start: Start) -> None:
    """Settings of one part take precedence over those of all, and change nothing for a running process."""
    run = start([("first", SERVES)])
    run.until("ready")
    write_env(run.folder, "first", {"WORD": "another"})
    os.kill(run.pid("first"), signal.SIGKILL)
    run.until("serving as another")


def test_five_deaths_of_one_part_stop_everything(start: Start) -> None:
    """A part that cannot run ends everything with exit code 1 and a sentence; the others are stopped first."""
    run = start([("fine", SERVES)], [("broken", DIES)])
    assert run.ended() == 1
    assert len([line for line in run.lines if "| cannot" in line]) == 5
    assert any("broken died 5 times within 60 s, at last exit code 3" in line for line in run.lines)
    assert run.lines[-1].endswith("stopping")


def test_a_part_that_does_not_stop_is_killed(start: Start) -> None:
    """The end is bounded: a part that ignores its signal gets SIGKILL after its grace."""
    run = start([("first", SERVES)], [("deaf", DEAF)])
    run.until("ready")
    run.process.terminate()
    assert run.ended() == 0
    assert any("deaf" in line and "did not stop within 0.5 s: killed" in line for line in run.lines)


def test_a_killed_supervisor_leaves_nothing_behind(start: Start) -> None:
    """SIGKILL of the supervisor ends its parts, including those that ignore signals and frozen ones."""
    run = start([("first", SERVES), ("deaf", DEAF), ("frozen", SERVES)])
    run.until("ready")
    pids = [run.pid(name) for name in ("first", "deaf", "frozen")]
    os.kill(pids[2], signal.SIGSTOP)
    run.process.kill()
    wait_gone(*pids)


def test_what_a_killed_part_started_ends_with_it(start: Start) -> None:
    """A child of a part, such as nginx's worker, does not survive to hold its port."""
    run = start([("family", LEAVES_A_CHILD)])
    child = int(run.until("| child").split()[-1])
    run.until("ready")
    os.kill(run.pid("family"), signal.SIGKILL)
    wait_gone(child)


def test_a_stop_during_the_start_stops_what_has_started(start: Start) -> None:
    """A signal before ready ends with exit code 0 and without ready."""
    run = start([("first", SERVES)], [("mute", SERVES.replace("serving as", "busy as"))])
    run.until("busy as mute")
    run.process.terminate()
    assert run.ended() == 0
    assert "ready" not in run.lines
    assert [line.split()[0] for line in run.lines if "stopping" in line] == ["mute", "first"]
