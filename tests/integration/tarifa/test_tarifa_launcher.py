"""``bin/tarifa``: from anywhere, through symlinks, and setting up its environment when needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.tarifa.command_line import PATIENCE_S, TOP, environment

# The part of the Makefile that the launcher uses, the target's name; its recipe must be visible and use no network.
MAKEFILE = """.venv/installed: requirements.lock
\t@echo "setting up"
\t@mkdir -p .venv/bin && cp python.sh .venv/bin/python && touch $@
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a space in its name, and without an environment."""
    top = tmp_path / "a checkout"
    (top / "bin").mkdir(parents=True)
    shutil.copy(TOP / "bin" / "tarifa", top / "bin" / "tarifa")
    for part in ("tarifa", "services", "pyproject.toml"):
        (top / part).symlink_to(TOP / part)
    (top / "requirements.lock").write_text("")
    (top / "Makefile").write_text(MAKEFILE)
    python = top / "python.sh"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return top


def call(program: Path | str, *arguments: str, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the launcher in a folder of the user's."""
    plain = {name: value for name, value in environment(env).items() if name != "PYTHONPATH"}
    return subprocess.run(
        [program, *arguments], capture_output=True, check=False, cwd=cwd, env=plain, text=True, timeout=PATIENCE_S
    )


def test_the_environment_is_set_up_once_with_a_message(checkout: Path, tmp_path: Path) -> None:
    """By make's own target, on stderr, so that stdout has only the command's output."""
    first = call(checkout / "bin" / "tarifa", "--help", cwd=tmp_path)
    assert first.returncode == 0
    assert "Usage: tarifa" in first.stdout
    said = first.stderr.splitlines()
    assert "its environment is missing or older than requirements.lock" in said[0]
    assert said[1:] == ["setting up"]
    second = call(checkout / "bin" / "tarifa", "--help", cwd=tmp_path)
    assert (second.returncode, second.stderr, second.stdout) == (0, "", first.stdout)


def test_an_environment_older_than_the_lock_is_set_up_again(checkout: Path, tmp_path: Path) -> None:
    """By make's own rule."""
    call(checkout / "bin" / "tarifa", "--help", cwd=tmp_path)
    installed = checkout / ".venv" / "installed"
    lock_s = (checkout / "requirements.lock").stat().st_mtime
    os.utime(installed, (lock_s - 60, lock_s - 60))
    again = call(checkout / "bin" / "tarifa", "--help", cwd=tmp_path)
    assert again.stderr.splitlines()[1:] == ["setting up"]
    assert installed.stat().st_mtime > lock_s - 60


def test_an_environment_that_cannot_be_set_up_is_an_error(checkout: Path, tmp_path: Path) -> None:
    """The output and the exit code are make's own; the command does not run."""
    (checkout / "Makefile").write_text(".venv/installed:\n\t@echo no Python here >&2; exit 1\n")
    done = call(checkout / "bin" / "tarifa", "--help", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no Python here" in done.stderr


def test_it_is_found_through_symlinks_and_the_path(checkout: Path, tmp_path: Path) -> None:
    """A link to a link, called by its name alone from another folder that has modules of the same names."""
    here = tmp_path / "here"
    links = tmp_path / "links"
    for folder in (here, links):
        folder.mkdir()
    for module in ("tarifa", "services", "typer"):
        (here / f"{module}.py").write_text("raise SystemExit('the wrong one')")
    (links / "one").symlink_to(os.path.relpath(checkout / "bin" / "tarifa", links))
    (links / "pay").symlink_to("one")
    done = call("pay", "payment", "7", cwd=here, PATH=f"{links}:{os.environ['PATH']}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("An id is written as")


def test_arguments_reach_the_command_as_they_are(checkout: Path, tmp_path: Path) -> None:
    """With spaces, stars, and empty ones."""
    done = call(checkout / "bin" / "tarifa", "pay", "1", "--url", "", cwd=tmp_path)
    assert done.stderr.splitlines()[-1] == "--url or TARIFA_URL must be as http://127.0.0.1:9999, not ''."
    done = call(checkout / "bin" / "tarifa", "pay", "1 * 2", cwd=tmp_path)
    assert done.stderr.splitlines()[-1].endswith("as 19.90, not '1 * 2'.")


def test_the_checkout_has_it_executable() -> None:
    """Git keeps the executable bit."""
    assert os.access(TOP / "bin" / "tarifa", os.X_OK)
