"""nginx with many slow clients: each address has limits, and others are answered."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.stack.plan import balancer, ports
from tests.integration.sandbox.test_balancers_errors import wait_for
from tests.nats_server import PATIENCE_S

ATTACKED, ELSEWHERE = "127.0.0.1", "127.0.0.2"
PAGES_MAX, REQUESTS_MAX = 32, 2_048  # as in nginx.conf
IDLE = 10_000
HALF_A_PAYMENT = b"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
EVENTS = b"GET /events HTTP/1.1\r\nHost: x\r\nX-Real-IP: 10.9.9.9\r\n\r\n"


class Instance(BaseHTTPRequestHandler):
    """Answers any request with the client's address as nginx passed it on; a page's events never end."""

    protocol_version = "HTTP/1.1"
    end = threading.Event()

    def do_GET(self) -> None:
        """Answer."""
        body = json.dumps({"by": self.headers.get("X-Real-IP")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + (self.path == "/events")))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if self.path == "/events":
            self.end.wait()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the library calls it
        """Log nothing."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of an nginx with one instance behind it."""
    nginx = balancer.find_nginx()
    if nginx is None:
        pytest.skip("nginx is not installed; the tests beside this one fail then where CI=true")
    folder = tmp_path_factory.mktemp("balancer")
    (free,) = ports.free(1)
    instance = ThreadingHTTPServer((ATTACKED, 0), Instance)
    instance.daemon_threads = True
    threading.Thread(target=instance.serve_forever, daemon=True).start()
    upstream = f"{ATTACKED}:{instance.server_port}"
    balancer.write_conf(folder, listen=balancer.listen(free), upstreams=[upstream])
    process = subprocess.Popen(balancer.command(nginx, folder), stderr=subprocess.DEVNULL)
    wait_for(free, process)
    yield free
    Instance.end.set()
    process.terminate()
    process.wait(PATIENCE_S)
    instance.shutdown()
    instance.server_close()


def opened(port: int, request: bytes = b"", address: str = ATTACKED) -> socket.socket:
    """Connect from an address of this machine, and send bytes."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE_S, source_address=(address, 0))
    connection.sendall(request)
    return connection


def status_of(connection: socket.socket) -> int:
    """Return the status of the answer."""
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status


def test_pages_of_one_address_leave_room_for_others(port: int) -> None:
    """One more is refused, as by ingress; the instance gets the address that nginx saw."""
    with ExitStack() as pages:
        for _ in range(PAGES_MAX):
            assert status_of(pages.enter_context(opened(port, EVENTS))) == 200
        with opened(port, EVENTS) as one_too_many:
            answer = HTTPResponse(one_too_many)
            answer.begin()
            assert (answer.status, json.loads(answer.read())["error"]) == (429, "too_many_pages")
            assert answer.headers["Retry-After"] == "1"
        with opened(port, EVENTS, ELSEWHERE) as page:
            said = HTTPResponse(page)
            said.begin()
            assert (said.status, json.loads(said.read(19))) == (200, {"by": ELSEWHERE})
        with opened(port, GET) as other:
            assert status_of(other) == 200


def test_bodies_that_do_not_end_leave_room_for_others(port: int) -> None:
    """One address may have only so many requests under way; others are not affected."""
    with ExitStack() as slow:
        for _ in range(REQUESTS_MAX):
            slow.enter_context(opened(port, HALF_A_PAYMENT))
        with opened(port, GET) as one_too_many:
            answer = HTTPResponse(one_too_many)
            answer.begin()
            assert (answer.status, json.loads(answer.read())["error"]) == (429, "too_many_requests")
        with opened(port, GET, ELSEWHERE) as other:
            assert status_of(other) == 200


def test_idle_connections_are_closed_for_others(port: int) -> None:
    """With more than fit, all from one address, a client with a request is still answered."""
    with ExitStack() as idle:
        for at in range(IDLE):
            idle.enter_context(opened(port))
            if at % 1000 == 999:
                with opened(port, GET, ELSEWHERE) as other:
                    assert status_of(other) == 200
        with opened(port, GET) as same:
            assert status_of(same) == 200
