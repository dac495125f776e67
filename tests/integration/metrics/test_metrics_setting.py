"""METRICS_LISTEN in every service: what stops the start, before NATS is connected to."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nats_server import PATIENCE_S

ROOT = Path(__file__).parents[3]
SERVICES = ("ingress", "dispatcher", "ledger")
NOWHERE = "nats://127.0.0.1:1"


def refused(service: str, listen: str) -> str:
    """Start a service that must not start; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        cwd=ROOT,
        env={**os.environ, "NATS_URL": NOWHERE, "METRICS_LISTEN": listen},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("service", SERVICES)
def test_a_taken_port_stops_the_start(service: str) -> None:
    """One clear sentence."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        listen = f"127.0.0.1:{holder.getsockname()[1]}"
        assert refused(service, listen).startswith(f"METRICS_LISTEN is {listen}, which cannot be listened on: ")


@pytest.mark.parametrize("service", SERVICES)
def test_an_invalid_address_stops_the_start(service: str) -> None:
    """The variable is named."""
    assert refused(service, "9100").startswith("METRICS_LISTEN must be host:port")
