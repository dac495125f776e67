"""A real nats-server for one test, which can be killed, restarted on the same port and store, and frozen.

All methods block until what they promise is so, for some tens of milliseconds; async tests may call them too.
"""

import asyncio
import inspect
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

PROGRAM = Path(sys.executable).with_name("nats-server")
PATIENCE_S = 30.0  # how long a required event may take on a busy machine; nothing is measured with it
_LOOK_EVERY_S = 0.01

# As in nats.conf: what is too large there must be too large here.
_AS_SHIPPED = "max_payload: 64KB\n"

_LISTENING = re.compile(rb"Listening for client connections on 127\.0\.0\.1:(\d+)")
_READY = b"Server is ready"


class NatsServer:
    """One server; ``start`` chooses a free port the first time, and keeps it and the store from then on.

    Args:
        folder: where its store and its log are kept.
        options: further command line options, as ``("-m", "8222")``; with ``-c`` nothing is as in nats.conf by itself.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.log = folder / "nats-server.log"
        self.port = 0
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for clients; known from the first start on."""
        assert self.port, "start the server first"
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process runs, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it logs that it is ready."""
        assert not self.is_running, "the server runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        where = ["-a", "127.0.0.1", "-p", str(self.port or -1)]
        if "-c" not in self._options:
            config = self.folder / "as-shipped.conf"
            config.write_text(_AS_SHIPPED)
            where += ["-c", str(config)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-js", "-sd", self.folder / "store", *where, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()
        return self

    def kill(self) -> None:
        """Kill it: SIGKILL, nothing flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it gracefully, thawing it first if it is frozen; does nothing if it does not run."""
        if self.is_running:
            self.thaw()
            self._end(signal.SIGTERM)

    def restart(self) -> Self:
        """Start it again with the same store and port; kill it first if it still runs."""
        if self.is_running:
            self.kill()
        return self.start()

    def freeze(self) -> None:
        """Stop all of its threads: connections stay open, but nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + PATIENCE_S
        # The signal has taken effect when all threads have stopped.
        while (waited := os.waitpid(self.pid, os.WUNTRACED | os.WNOHANG))[0] == 0:
            assert time.monotonic() < deadline, "nats-server does not stop"
            time.sleep(_LOOK_EVERY_S)
        assert os.WIFSTOPPED(waited[1]), self.log.read_text()

    def thaw(self) -> None:
        """Let it continue where it was frozen."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server does not run"
        self._process.send_signal(number)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while _READY not in (text := self.log.read_bytes()):
            if not self.is_running or time.monotonic() > deadline:
                raise AssertionError(f"nats-server did not become ready:\n{text.decode()}")
            time.sleep(_LOOK_EVERY_S)
        found = _LISTENING.search(text)
        assert found is not None, text.decode()
        self.port = int(found[1])


async def until(condition: Callable[[], object], what: str = "the condition", patience_s: float = PATIENCE_S) -> None:
    """Wait until ``condition()``, awaited if it can be, is true; fails after ``patience_s``."""
    deadline = time.monotonic() + patience_s
    while True:
        found = condition()
        if await found if inspect.isawaitable(found) else found:
            return
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(_LOOK_EVERY_S)
