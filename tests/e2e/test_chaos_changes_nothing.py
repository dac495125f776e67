"""Whatever is killed, frozen, cut off or lied about: accepted payments are charged once, counted once, and shown so."""

import json
import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
PATIENCE_S = 300.0
VARIABLES = ("SEED", "MINUTES", "RATE", "FAULTS", "DISPATCHERS", "IN_FLIGHT_MAX")


def test_a_minute_of_chaos_loses_doubles_and_changes_nothing(tmp_path: Path) -> None:
    """All groups of faults, two dispatchers; the figures of the promise are zeros, however much was done meanwhile."""
    flags = ["--seed", "2025", "--minutes", "1", "--rate", "30", "--dispatchers", "2", "--folder", str(tmp_path)]
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-m", "sandbox.chaos", *flags]
    run = subprocess.run(command, cwd=TOP, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    figures = result["figures"]
    assert figures["verdicts"] == {"lost": 0, "doubled": 0, "differing": 0}
    assert figures["queue_length"] == 0
    assert figures["standstill_s"] == 0
    assert result["findings"] == []
    assert figures["accepted"] > 0
    assert figures["acts"]["kill"] + figures["acts"]["freeze"] > 0
    assert sum(figures["processor_faults"].values()) > 0
