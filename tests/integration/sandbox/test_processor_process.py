"""The simulated processor's process ends cleanly on a signal, and gives the reason where it cannot start."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.sandbox.processor_process import (
    NEVER_MS,
    PATIENCE_S,
    ROOT,
    ProcessorProcess,
    new_id,
    payment_request,
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_cleanly(processor: ProcessorProcess, number: signal.Signals) -> None:
    """It ends with code 0 even while a caller waits for an answer."""
    processor.configure("delay", NEVER_MS)
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(new_id()))
        assert processor.stop(number) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--port", "{port}"], 1, "processor second: port {port} on 127.0.0.1 is taken by another program\n"),
        (["--port", "0", "--journal", "{damaged}"], 1, "processor second: {damaged} is not a journal that can be read"),
        (["--port", "0", "--fee", "5"], 2, "5 is not a fraction of 1"),
    ],
)
def test_what_keeps_it_from_starting_is_printed(
    processor: ProcessorProcess, tmp_path: Path, arguments: list[str], code: int, reason: str
) -> None:
    """A taken port, a damaged journal or an invalid option ends it with the reason and no traceback."""
    damaged = tmp_path / "damaged"
    damaged.write_text("something else\n")
    values = {"port": processor.port, "damaged": damaged}
    second = subprocess.run(
        [sys.executable, "-m", "sandbox.processor", "--name", "second"] + [text.format(**values) for text in arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert second.returncode == code
    assert reason.format(**values) in second.stderr
    assert "Traceback" not in second.stderr
