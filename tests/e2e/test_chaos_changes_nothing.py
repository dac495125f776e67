"""Whatever is killed, frozen, cut off or misreported: accepted payments are charged, counted and shown once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sandbox.chaos.planned_fault import NODE_KINDS

TOP = Path(__file__).parents[2]
PATIENCE_S = 300.0
VARIABLES = ("SEED", "MINUTES", "RATE", "FAULTS", "DISPATCHERS", "IN_FLIGHT_MAX", "NATS_NODES", "SYNC", "STORE")


def figures_of(folder: Path, *flags: str) -> dict[str, Any]:
    """Run chaos at 30 payments a second and return its figures, after asserting that nothing was lost or doubled."""
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-m", "sandbox.chaos", *flags, "--rate", "30", "--folder", str(folder)]
    run = subprocess.run(command, cwd=TOP, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads((folder / "result.json").read_text())
    figures: dict[str, Any] = result["figures"]
    assert figures["verdicts"] == {"lost": 0, "doubled": 0, "differing": 0}
    assert figures["queue_length"] == 0
    assert figures["standstill_s"] == 0
    assert result["findings"] == []
    assert figures["accepted"] > 0
    return figures


def test_a_minute_of_chaos_loses_doubles_and_changes_nothing(tmp_path: Path) -> None:
    """All groups of faults, two dispatchers: nothing is lost, doubled or different."""
    figures = figures_of(tmp_path, "--seed", "2025", "--minutes", "1", "--dispatchers", "2")
    assert figures["acts"]["kill"] + figures["acts"]["freeze"] > 0
    assert sum(figures["processor_faults"].values()) > 0


def test_faults_of_three_servers_change_nothing_either(tmp_path: Path) -> None:
    """Faults of one or more servers, in addition to all other faults."""
    figures = figures_of(tmp_path, "--seed", "2025", "--minutes", "0.75", "--nats-nodes", "3")
    assert sum(figures["acts"].get(kind, 0) for kind in NODE_KINDS) > 0
    assert figures["unavailable"]


def test_power_cuts_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    """All but the processors is killed, and restarted on copies of the three servers' stores taken at that moment."""
    flags = ("--faults", "none", "--nats-nodes", "3", "--store", "cut")
    figures = figures_of(tmp_path, "--seed", "2025", "--minutes", "0.5", *flags)
    assert figures["acts"]["power_cut"] > 0
    assert figures["lacked_lost"] == figures["lacked_charged"] == 0
