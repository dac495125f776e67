"""Under load, through an outage of the cheap processor, every accepted payment is charged once and counted once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.stack import Stack

TOP = Path(__file__).parents[2]
PATIENCE_S = 120.0


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stack that may be purged, because the load test begins with a purge."""
    with Stack(env={"ALLOW_PURGE": "1"}) as running:
        yield running


def test_ten_seconds_of_load_pass_without_lag_difference_failure_or_double_charge(stack: Stack, tmp_path: Path) -> None:
    """The smoke profile exits with 0 and reports zeros; its speed does not matter."""
    processors = ",".join(stack.processor_url(name) for name in ("default", "fallback"))
    command = [sys.executable, "-m", "sandbox.rinha", "smoke", "--no-stack", "--out", str(tmp_path)]
    command += ["--base-url", stack.http_url, "--processors", processors]
    run = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    document = json.loads((tmp_path / "result.json").read_text())
    result = document["result"]
    assert document["complaints"] == []
    assert document["double_charges"] == 0
    assert (result["score"]["lag"], result["differences"], result["failed"]) == (0, 0, 0)
    assert result["audit"]["lost"] == 0
    assert result["accepted"] > 0
