"""The whole stack with stand-ins for the services, which listen where a service would and log that they are ready."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from sandbox.stack import Stack
from sandbox.stack.plan import ports

PATIENCE_S = 60.0

# Replaces the command of every service; everything else is what `make up` runs.
PROGRAM = """
import dataclasses, sys
from sandbox.stack.plan import parts_to_run as plan
from sandbox.stack.__main__ import main

real = plan.stages
def with_stand_ins(*given):
    return tuple(tuple(stand_in(part) for part in stage) for stage in real(*given))
def stand_in(part):
    if not part.ready.endswith(".ready"):
        return part
    return dataclasses.replace(part, command=(sys.executable, "-c", SERVICE, part.ready))
plan.stages = with_stand_ins
SERVICE = {service!r}
sys.exit(main())
"""

# Ingress answers with its process id; the first readiness check gets a 503.
SERVICE = """
import http.server, os, signal, socket, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        body = str(os.getpid()).encode()
        self.send_response(503 if Handler.asked == 1 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def address_string(self):
        return "-"
    def log_message(self, *_):
        pass
class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    request_queue_size = 100
    def server_bind(self):
        if os.environ["INGRESS_REUSE_PORT"] == "1":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.socket.bind(self.server_address)
def serve():
    listen = os.environ["INGRESS_LISTEN"]
    if listen.startswith("unix:"):
        path = listen.removeprefix("unix:")
        if os.path.exists(path):
            os.unlink(path)
        Server.address_family, where = socket.AF_UNIX, path
    else:
        host, port = listen.split(":")
        where = (host, int(port))
    server = Server(where, Handler)
    print('{"event": "ingress.ready"}')
    server.serve_forever()
signal.signal(signal.SIGTERM, lambda *_: (print("stopping"), os._exit(0)))
if sys.argv[1] == "ingress.ready":
    serve()
print('{"event": "%s"}' % sys.argv[1])
while True:
    signal.pause()
"""


class StandInStack(Stack):
    """A stack whose services are stand-ins."""

    command = (sys.executable, "-c", PROGRAM.replace("{service!r}", repr(SERVICE)))


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def answer(stack: Stack) -> str:
    """Return the answer to one request on its own connection, or the name of the failure."""
    try:
        return httpx.get(f"{stack.http_url}/", trust_env=False, timeout=PATIENCE_S).text
    except httpx.TransportError as error:
        return type(error).__name__


def test_behind_nginx_parts_are_restarted_and_stop_in_order(nginx_binary: Path) -> None:
    """Ready means that both instances answer; parts are restarted, nginx with its worker; the stop is in order."""
    with StandInStack() as stack:
        assert {answer(stack) for _ in range(8)} == {str(stack.pid("ingress-1")), str(stack.pid("ingress-2"))}
        httpx.get(stack.processor_url("fallback"), trust_env=False)
        httpx.get(f"{stack.monitor_url}/healthz", trust_env=False).raise_for_status()

        died = stack.kill("ingress-1")
        assert str(stack.pid("ingress-2")) in {answer(stack) for _ in range(4)}
        stack.wait_restarted("ingress-1", died)
        until(lambda: answer(stack) == str(stack.pid("ingress-1")))

        before = len(stack.log_lines)
        balancer = stack.pid("balancer")
        os.kill(balancer, signal.SIGKILL)  # the master alone: its worker must not keep the port
        stack.wait_restarted("balancer", balancer)
        until(lambda: answer(stack).isdigit())
        assert "killed by SIGKILL" in stack.wait_line("balancer", "died", since=before)

        died = stack.kill("nats")
        stack.wait_restarted("nats", died)
        assert stack.stop() == 0
    stopped = [line.split()[0] for line in stack.log_lines if line.endswith("| stopping")]
    assert stopped[-2:] == ["dispatcher-1", "ledger"]
    assert set(stopped[:-2]) == {"ingress-1", "ingress-2"}
    assert all(map(ports.is_free, stack.ports.values()))


def test_without_nginx_both_instances_share_the_port() -> None:
    """The kernel shares connections between the two; the printed lines say that there is no balancer."""
    with StandInStack(flags=["--no-nginx"], env={"DISPATCHERS": "2"}) as stack:
        both = {str(stack.pid("ingress-1")), str(stack.pid("ingress-2"))}
        seen: set[str] = set()
        until(lambda: seen.add(answer(stack)) or seen == both)
        assert any("no nginx here" in line for line in stack.log_lines)
        assert stack.pid("dispatcher-2") > 0


def test_a_killed_supervisor_frees_every_port(nginx_binary: Path, tmp_path: Path) -> None:
    """After SIGKILL nothing listens any more, nginx's worker included, and the next start in the folder works."""
    with StandInStack(tmp_path) as stack:
        os.kill(int((tmp_path / "stack.lock").read_text()), signal.SIGKILL)
        until(lambda: all(map(ports.is_free, stack.ports.values())))
    with StandInStack(tmp_path):
        pass


def test_given_processors_are_the_only_ones(nginx_binary: Path) -> None:
    """With PROCESSORS given the stack starts none of its own, and does not need their ports."""
    stack = StandInStack(env={"PROCESSORS": "bank=http://127.0.0.1:1@0.01"})
    with socket.create_server((ports.HOST, stack.ports["default"])), stack:
        with pytest.raises(FileNotFoundError):
            stack.pid("processor-default")
        assert any("none of its own" in line for line in stack.log_lines)


def test_keep_keeps_the_store_for_the_next_stack(nginx_binary: Path, tmp_path: Path) -> None:
    """KEEP=1 keeps what nats and the processors stored; without it the store is empty."""
    mark = tmp_path / "nats" / "kept"
    with StandInStack(tmp_path):
        mark.touch()
    with StandInStack(tmp_path, env={"KEEP": "1"}):
        assert mark.exists()
    with StandInStack(tmp_path):
        assert not mark.exists()
