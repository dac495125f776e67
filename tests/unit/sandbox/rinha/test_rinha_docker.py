"""What the engine says of the containers."""

import json
from pathlib import Path

from sandbox.rinha.docker import Docker

INSPECTED = [
    {
        "Config": {"Labels": {"com.docker.compose.service": name}},
        "State": {"Pid": pid},
        "NetworkSettings": {"Networks": {"tarifa": {"IPAddress": "127.0.0.2"}}},
    }
    for name, pid in (("nats", 4711), ("ledger", 4712))
]


class Engine(Docker):
    """Two containers run."""

    def run(self, *command: str) -> str:
        """Return what the command line prints."""
        return json.dumps(INSPECTED) if command[:2] == ("docker", "inspect") else "a\nb\n"


def test_containers_are_found_by_service(tmp_path: Path) -> None:
    """Each with its process and its address."""
    found = Engine(tmp_path / "log", {}).containers()
    assert {name: (each.process, each.address) for name, each in found.items()} == {
        "nats": (4711, "127.0.0.2"),
        "ledger": (4712, "127.0.0.2"),
    }
