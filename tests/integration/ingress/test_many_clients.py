"""Many clients, including some that never read: bounded in total and by address, and others are still answered."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.integration.ingress.ingress_process import IngressProcess, new_id, payment
from tests.nats_server import PATIENCE_S, NatsServer

CONNECTIONS_MAX, PER_ADDRESS_MAX = 40, 30
ATTACKED, ELSEWHERE, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
NOT_READING, REQUESTS_EACH = 50, 200
GROWS_BY_MAX_KIB = 48 * 1024


@contextmanager
def running(tmp_path: Path, nats: NatsServer, **settings: str) -> Iterator[IngressProcess]:
    """An ingress with these settings."""
    process = IngressProcess(tmp_path / "ingress.log", nats.url, **settings)
    try:
        yield process.start()
    finally:
        process.stop()


def connect(ingress: IngressProcess, address: str) -> socket.socket:
    """Connect from an address of this machine."""
    return socket.create_connection(("127.0.0.1", ingress.port), PATIENCE_S, source_address=(address, 0))


def pays(ingress: IngressProcess, address: str) -> int:
    """Pay from an address; return the status."""
    http = HTTPConnection("127.0.0.1", ingress.port, timeout=PATIENCE_S, source_address=(address, 0))
    try:
        http.request("POST", "/payments", json.dumps(payment(new_id())), {"Content-Type": "application/json"})
        return http.getresponse().status
    finally:
        http.close()


def refusal(connection: socket.socket) -> tuple[int, str]:
    """Return the status and slug that a connection gets without a request; it must then be closed."""
    answer = HTTPResponse(connection)
    answer.begin()
    document = json.loads(answer.read())
    assert connection.recv(1) == b""
    return answer.status, document["error"]


def test_connections_are_bounded_by_address_and_in_total(tmp_path: Path, nats_server: NatsServer) -> None:
    """Idle connections of one address keep no other from paying; each refused one gets an answer."""
    limits = {"CONNECTIONS_MAX": str(CONNECTIONS_MAX), "CONNECTIONS_PER_ADDRESS_MAX": str(PER_ADDRESS_MAX)}
    with running(tmp_path, nats_server, **limits) as ingress, ExitStack() as idle:
        first = idle.enter_context(connect(ingress, ATTACKED))
        for _ in range(PER_ADDRESS_MAX - 1):
            idle.enter_context(connect(ingress, ATTACKED))
        for _ in range(20):
            with connect(ingress, ATTACKED) as one_too_many:
                assert refusal(one_too_many) == (429, "too_many_connections")
        assert pays(ingress, ELSEWHERE) == 202
        for _ in range(CONNECTIONS_MAX - PER_ADDRESS_MAX):
            idle.enter_context(connect(ingress, ELSEWHERE))
        with connect(ingress, THIRD) as one_too_many:
            assert refusal(one_too_many) == (503, "too_many_connections")
        assert ingress.events().count("ingress.connection_refused") < 10
        first.close()
        until_true(lambda: pays_if_admitted(ingress))


def pays_if_admitted(ingress: IngressProcess) -> bool:
    """Return whether a client at a third address can pay."""
    try:
        return pays(ingress, THIRD) == 202
    except ConnectionError:  # refused, and closed before the request had been sent
        return False


def until_true(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_clients_that_never_read_cost_little_and_affect_nobody_else(tmp_path: Path, nats_server: NatsServer) -> None:
    """Their requests are answered as far as they read, and read as far as they were answered."""
    with running(tmp_path, nats_server) as ingress, ExitStack() as deaf:
        assert pays(ingress, ATTACKED) == 202
        before_kib = rss_kib(ingress)
        wire = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * REQUESTS_EACH
        for _ in range(NOT_READING):
            connection = deaf.enter_context(connect(ingress, ATTACKED))
            connection.settimeout(0)
            connection.send(wire)
        for _ in range(20):
            assert pays(ingress, ATTACKED) == 202
        assert rss_kib(ingress) - before_kib < GROWS_BY_MAX_KIB


@pytest.mark.parametrize("count", [4_000])
def test_thousands_of_idle_connections_cost_little_and_affect_nobody_else(
    count: int, tmp_path: Path, nats_server: NatsServer
) -> None:
    """With the default settings: half of those that are opened stay."""
    with running(tmp_path, nats_server) as ingress, ExitStack() as idle:
        before_kib = rss_kib(ingress)
        for _ in range(count):
            idle.enter_context(connect(ingress, ATTACKED))
        assert pays(ingress, ELSEWHERE) == 202
        assert rss_kib(ingress) - before_kib < GROWS_BY_MAX_KIB


def rss_kib(ingress: IngressProcess) -> int:
    """Return the memory of the ingress."""
    assert ingress.process is not None
    status = Path(f"/proc/{ingress.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])
