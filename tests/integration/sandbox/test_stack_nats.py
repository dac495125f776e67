"""nats.conf with what the stack and docker put beside it, before a real nats-server."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack import nats, ports
from tests.nats_server import PATIENCE_S, until

ROOT = Path(__file__).parents[3]


@contextmanager
def running(conf: Path) -> Iterator[None]:
    """Have a server run with a configuration."""
    with subprocess.Popen([nats.binary(), "-c", conf], stderr=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()


def told_of_jetstream(monitor_port: int) -> dict[str, Any]:
    """Return what a server tells of its JetStream's configuration; empty while it does not listen yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{monitor_port}/jsz", timeout=PATIENCE_S) as answer:
            config: dict[str, Any] = json.load(answer).get("config", {})
    except OSError:
        return {}
    return config


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        ("always", {"sync_always": True}),
        ("2m", {"sync_interval": 120 * 10**9}),
        ("100ms", {"sync_interval": 10**8}),
    ],
)
async def test_the_server_syncs_as_its_configuration_says(
    tmp_path: Path, sync: str, expected: Mapping[str, object]
) -> None:
    """It takes both spellings, and tells the same of itself."""
    port, monitor_port = ports.free(2)
    conf = nats.write_conf(tmp_path, port=port, monitor_port=monitor_port, sync=sync)
    with running(conf):
        await until(lambda: told_of_jetstream(monitor_port), "the server")
        told = told_of_jetstream(monitor_port)
    assert told["store_dir"].startswith(str(tmp_path))
    assert expected.items() <= told.items()
    assert told.get("sync_always", False) is (sync == "always")


def test_dockers_configuration_is_accepted_too(tmp_path: Path) -> None:
    """The file that the compose file mounts beside nats.conf names all that nats.conf asks for."""
    for file in ("nats.conf", "deploy/where.conf"):
        shutil.copy(ROOT / file, tmp_path)
    checked = subprocess.run(
        [nats.binary(), "-t", "-c", tmp_path / "nats.conf"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
