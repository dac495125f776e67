"""Errors of nginx itself have the form of ingress's errors: JSON with a slug and a sentence."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest

from sandbox.stack.plan import balancer, ports
from services.ingress.core.problem import title_of
from tests.nats_server import PATIENCE_S

REFUSED = {
    "no request line": (b"garbage\r\n\r\n", 400, "bad_request"),
    "no such version": (b"GET /healthz HTTP/7.0\r\nHost: x\r\n\r\n", 400, "bad_request"),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "bad_request"),
    "two lengths": (
        b"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        400,
        "bad_request",
    ),
    "unknown encoding": (b"POST /payments HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: tea\r\n\r\n", 400, "bad_request"),
    "trace": (b"TRACE /payments HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"),
    "long path": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
    "large header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
    "large body": (b"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", 413, "body_too_large"),
    "nobody behind": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 502, "unavailable"),
    "nobody to wait": (b"GET /payments/x HTTP/1.1\r\nHost: x\r\nPrefer: wait=5\r\n\r\n", 502, "unavailable"),
    "its own path": (b"GET /.balancer/bad_request.json HTTP/1.1\r\nHost: x\r\n\r\n", 404, "no_such_route"),
}
UNREAD = {"no request line", "no such version", "long path"}  # refused before a header is read


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of an nginx with nothing behind it."""
    nginx = balancer.find_nginx()
    if nginx is None:
        pytest.skip("nginx is not installed; the tests beside this one fail then where CI=true")
    folder = tmp_path_factory.mktemp("balancer")
    (free,) = ports.free(1)
    balancer.write_conf(folder, listen=balancer.listen(free), upstreams=[f"unix:{folder}/nobody.sock"])
    process = subprocess.Popen(balancer.command(nginx, folder), stderr=subprocess.DEVNULL)
    wait_for(free, process)
    yield free
    process.terminate()
    process.wait(PATIENCE_S)


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until something listens there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, "nginx has ended"
        assert time.monotonic() < deadline, "nginx does not listen"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return


def answer_to(port: int, request: bytes) -> tuple[int, str, dict[str, str]]:
    """Return status, content type and document of an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers["Content-Type"], json.loads(answer.read())


@pytest.mark.parametrize("name", REFUSED)
def test_an_error_of_nginx_has_the_form_of_all_errors(port: int, name: str) -> None:
    """A client that reads JSON never gets a page of HTML."""
    request, status, slug = REFUSED[name]
    found, kind, document = answer_to(port, request)
    assert (found, kind, document["error"]) == (status, "application/json", slug)
    assert set(document) == {"error", "detail"}
    assert document["detail"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_client_that_accepts_problem_details_gets_them(port: int, name: str) -> None:
    """As from ingress; a request whose headers were not read is answered in the usual form."""
    request, status, slug = REFUSED[name]
    line, headers, rest = request.partition(b" HTTP/1.1\r\n")
    accept = b"Accept: text/html, Application/Problem+JSON;q=0.5\r\n"
    found, kind, document = answer_to(port, line + headers + accept + rest if headers else request)
    if name in UNREAD:
        assert (found, kind, set(document)) == (status, "application/json", {"error", "detail"})
        return
    assert (found, kind) == (status, "application/problem+json")
    assert document.pop("detail") == answer_to(port, request)[2]["detail"]
    assert document == {"type": f"/docs#{slug}", "title": title_of(slug), "status": status, "error": slug}


@pytest.mark.parametrize("accept", [b"*/*", b"application/json", b"application/problem+json;q=0", b"application/*"])
def test_a_client_that_does_not_accept_problem_details_gets_the_usual_form(port: int, accept: bytes) -> None:
    """A wildcard does not name them, and a weight of zero excludes them."""
    _, kind, document = answer_to(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nAccept: %b\r\n\r\n" % accept)
    assert (kind, set(document)) == ("application/json", {"error", "detail"})
