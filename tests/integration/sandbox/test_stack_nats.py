"""nats.conf with the files that the stack and docker put beside it, in a real nats-server."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack.errors import StackError
from sandbox.stack.plan import nats, ports
from sandbox.stack.plan.options import Node
from tests.nats_server import PATIENCE_S, until

ROOT = Path(__file__).parents[3]


@contextmanager
def running(conf: Path) -> Iterator[None]:
    """Run a server with a configuration."""
    with subprocess.Popen([nats.binary(), "-c", conf], stderr=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()


def monitored(monitor_port: int, what: str) -> dict[str, Any]:
    """Return a server's monitoring document; empty while it does not listen yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{monitor_port}/{what}", timeout=PATIENCE_S) as answer:
            document: dict[str, Any] = json.load(answer)
    except OSError:
        return {}
    return document


def jetstream_config(monitor_port: int) -> dict[str, Any]:
    """Return its JetStream's configuration."""
    config: dict[str, Any] = monitored(monitor_port, "jsz").get("config", {})
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
    """It accepts both spellings, and reports the same configuration."""
    port, monitor_port = ports.free(2)
    node = Node("nats", port, monitor_port, route_port=None)
    conf = nats.write_conf(tmp_path, node, [node], sync=sync)
    with running(conf):
        await until(lambda: jetstream_config(monitor_port), "the server")
        config = jetstream_config(monitor_port)
    assert config["store_dir"].startswith(str(tmp_path))
    assert expected.items() <= config.items()
    assert config.get("sync_always", False) is (sync == "always")


def test_dockers_configuration_is_accepted_too(tmp_path: Path) -> None:
    """The file that the compose file mounts beside nats.conf sets all that nats.conf needs."""
    for file in ("nats.conf", "deploy/where.conf"):
        shutil.copy(ROOT / file, tmp_path)
    checked = subprocess.run(
        [nats.binary(), "-t", "-c", tmp_path / "nats.conf"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


async def test_the_servers_of_a_cluster_have_names_and_find_each_other(tmp_path: Path) -> None:
    """Each by the configuration in its own folder, which is the repository's for all."""
    first = ports.free_in_a_row(9)
    nodes = [Node(f"nats-{number + 1}", *(first + place * 3 + number for place in range(3))) for number in range(3)]
    confs = [nats.write_conf(tmp_path / node.name, node, nodes, sync="always") for node in nodes]

    def routed(node: Node) -> bool:
        document = monitored(node.monitor_port, "routez")
        return document.get("server_name") == node.name and {each["remote_name"] for each in document["routes"]} == {
            other.name for other in nodes if other is not node
        }

    with running(confs[0]), running(confs[1]), running(confs[2]):
        for node in nodes:
            await until(lambda node=node: routed(node), "the routes")


def test_a_kept_store_of_another_number_of_servers_is_refused(tmp_path: Path) -> None:
    """Its payments would be in a stream that nobody reads."""
    alone = [Node("nats", 1, 2, route_port=None)]
    nats.refuse_other_store(tmp_path, alone)
    (tmp_path / "nats-1" / "jetstream").mkdir(parents=True)
    with pytest.raises(StackError, match=r"^KEEP=1, and .* holds nats-1: the store of another NATS_NODES than 1\. "):
        nats.refuse_other_store(tmp_path, alone)
