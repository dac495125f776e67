"""The command line as a process, called from a folder outside the checkout; or in the test's own process."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import tarifa
from tarifa.app import main

TOP = Path(tarifa.__file__).parents[1]
PATIENCE_S = 120.0  # after this long even on a busy machine a process hangs, and is not just slow
COMMAND = (sys.executable, "-P", "-m", "tarifa")

# Variables that a user's shell may have set, and that must not decide a test.
_STRANGE = (
    "PROCESSORS",
    "TARIFA_URL",
    "TARIFA_KEY",
    "API_KEYS",
    "FORCE_COLOR",
    "NO_COLOR",
    "GITHUB_ACTIONS",
    "PY_COLORS",
    "NATS_URL",
    "TARIFA_CA",
)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a plain environment in which the checkout can be imported from anywhere."""
    plain = {name: value for name, value in os.environ.items() if name not in _STRANGE}
    return {**plain, "PYTHONPATH": str(TOP), "COLUMNS": "80", "TERM": "dumb", **(more or {})}


def run(*arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        cwd="/",
        env=environment(env),
        text=True,
        timeout=PATIENCE_S,
    )


def run_here(*arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command that becomes no other program in this process: to start one takes half a second of CPU time."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment(env), clear=True),
        patch.object(sys, "argv", ["tarifa", *arguments]),
        patch.object(os, "execve", side_effect=AssertionError("run this command as a process")),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run it; it is killed at the end if the test has not ended it."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd="/",
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def one_sentence(text: str) -> str:
    """Return the text, which must be one line and not a traceback."""
    (line,) = text.splitlines()
    assert "Traceback" not in line
    assert line.endswith(".")
    return line
