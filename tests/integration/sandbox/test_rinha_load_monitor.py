"""A load that does not end is stopped."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sandbox.rinha import load_monitor, profile
from sandbox.rinha.display import display
from sandbox.rinha.processes import CannotRunError


def test_a_load_generator_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time after the profile's end; its caller then stops it."""
    journal = tmp_path / "journal.ndjson"
    journal.touch()
    smoke = profile.load("smoke")
    monkeypatch.setattr(load_monitor, "SAMPLE_EVERY_S", 0.05)
    monkeypatch.setattr(load_monitor, "ENDS_WITHIN_S", 0.1 - smoke.length_s)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    try:
        with (
            httpx.Client(base_url="http://127.0.0.1:1") as client,
            display() as screen,
            pytest.raises(CannotRunError, match="has not ended"),
        ):
            load_monitor.monitor_load(smoke, process, client, screen, journal_file=journal, check_alive=lambda: None)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
