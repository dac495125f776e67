"""The program before it starts anything: it refuses with a sentence and changes nothing."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.stack import Stack, run_dir
from sandbox.stack.errors import StackError
from sandbox.stack.plan import ports

TOP = Path(__file__).parents[3]


def refused(folder: Path, *flags: str, env: Mapping[str, str] | None = None, code: int = 1) -> str:
    """Run the program, which must end with that exit code, and return its output."""
    names = ("http", "nats", "monitor", "default", "fallback")
    free = [text for name, port in zip(names, ports.free(5), strict=True) for text in (f"--{name}", str(port))]
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.stack", *free, "--metrics", "0", "--run-dir", str(folder), *flags],
        check=False,
        capture_output=True,
        cwd=TOP,
        env={**os.environ, **(env or {})},
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout


def test_a_taken_port_stops_the_start_and_its_holder_is_named(tmp_path: Path) -> None:
    """The sentence names the port and the process; nothing was created."""
    with socket.create_server((ports.HOST, 0)) as server:
        port = server.getsockname()[1]
        said = refused(tmp_path, "--nats", str(port))
    assert f"port {port} (nats) is taken by process {os.getpid()}:" in said
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_of_the_metrics_is_named_with_its_part(tmp_path: Path) -> None:
    """The first port is ingress-1's."""
    with socket.create_server((ports.HOST, 0)) as server:
        port = server.getsockname()[1]
        said = refused(tmp_path, "--metrics", str(port))
    assert f"port {port} (metrics of ingress-1) is taken by process {os.getpid()}:" in said


def test_a_second_start_leaves_the_first_alone(tmp_path: Path) -> None:
    """It reports the process of the running stack, whose files stay."""
    with run_dir.locked(tmp_path):
        run_dir.write_pid(tmp_path, "ledger", 4711)
        said = refused(tmp_path)
        assert f"a stack is running in {tmp_path} already (process {os.getpid()})" in said
        assert (tmp_path / "ledger.pid").exists()


def test_a_wrong_variable_stops_the_start(tmp_path: Path) -> None:
    """A variable that no service could read is refused before any service is started."""
    assert refused(tmp_path, env={"DISPATCHERS": "many"}, code=2).startswith("DISPATCHERS must be a whole number")


def test_credentials_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    """With the variable's name; a dispatcher would die of it again and again."""
    for name in ("PROCESSOR_CREDENTIALS", "PROCESSOR_CA"):
        said = refused(tmp_path / "run", env={name: str(tmp_path / "none")}, code=2)
        assert said == f"{name} names {tmp_path}/none, which cannot be read: No such file or directory\n"


def test_https_for_clients_needs_nginx(tmp_path: Path) -> None:
    """Ingress itself has no TLS: nothing is started that would accept plain HTTP."""
    said = refused(tmp_path, "--no-nginx", env={"TLS": "1"})
    assert said == "TLS=1 needs nginx: apt-get install nginx-light\n"


def test_a_stack_that_cannot_start_says_why() -> None:
    """`Stack` raises with the program's last output and leaves no folder."""
    stack = Stack(env={"PROCESSORS": "nonsense"})
    with pytest.raises(StackError, match="PROCESSORS has 'nonsense'"):
        stack.start()
    assert not stack.run_dir.exists()
