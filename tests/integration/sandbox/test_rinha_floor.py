"""The floor: measured with the real load generator against a real nginx, and valid for an hour."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from sandbox.checkout import TOP
from sandbox.rinha import floor, profile
from sandbox.rinha.floor_run import measure
from sandbox.stack.plan import ports

SMOKE = profile.load("smoke")
MEASURED = floor.Floor(1000.0, "smoke", 0.5, 1.5, 0.5, 1.5)


def test_the_floor_is_measured_with_the_profiles_own_load(nginx_binary: Path, tmp_path: Path) -> None:
    """Nginx alone accepts every payment, answers summaries, and can be made to fail."""
    second = {"length_s": 1, "users": [{"during_s": 1, "up_to": 3}], "stages": SMOKE.as_json["stages"][:1]}
    short = SMOKE.as_json | second
    measured = measure(profile.parse(short), ports.free(1)[0], tmp_path)
    assert measured.profile == "smoke"
    assert 0 < measured.p50_ms <= measured.p99_ms
    assert 0 < measured.post_p50_ms <= measured.post_p99_ms


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    """As a load test refuses it: its figures would be compared with a floor that was measured in another way."""
    command = (sys.executable, "-m", "sandbox.rinha.floor_run", "smoke", "--port", str(ports.free(1)[0]))
    done = subprocess.run(
        [*command, "--out", tmp_path / "floor.json"],
        cwd=TOP,
        env={**os.environ, "ENGINE": "podman"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "ENGINE must be one of processes, docker, not 'podman'.\n")


def test_a_floor_is_valid_for_an_hour_for_runs_of_its_profile(tmp_path: Path) -> None:
    """An older one, one of another load, or one from the future is ignored."""
    file = tmp_path / "floor.json"
    assert floor.known("smoke", 1000.0, file) is None
    floor.keep(MEASURED, file)
    assert floor.known("smoke", 4599.0, file) == MEASURED
    assert floor.known("smoke", 4600.0, file) is None
    assert floor.known("final", 1000.0, file) is None
    floor.keep(replace(MEASURED, at_s=9999.0), file)
    assert floor.known("smoke", 1000.0, file) is None


def test_a_file_that_is_not_a_floor_is_ignored(tmp_path: Path) -> None:
    """A file of another version does not stop a run."""
    file = tmp_path / "floor.json"
    file.write_text('{"p99": 1}')
    assert floor.known("smoke", 0.0, file) is None
