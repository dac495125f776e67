"""A real HTTP server with scripted answers, also over an event stream."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Reply:
    """One answer; ``stays_open``: the connection stays open after the body, as for an event stream."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    stays_open: bool = False


def document(status: int, content: object, **headers: str) -> Reply:
    """Return a JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(content).encode(), headers=named)


def problem(status: int, slug: str, detail: str) -> Reply:
    """Return an error in the service's format."""
    return document(status, {"error": slug, "detail": detail})


def events(*data: str, stays_open: bool, name: str = "vitals", before: str = "") -> Reply:
    """Return an event stream, which stays open or ends after these events."""
    lines = [f"event: {name}\n" + "".join(f"data: {line}\n" for line in each.splitlines()) for each in data]
    body = before + "".join(f"{each}\n" for each in lines)
    return Reply(200, body.encode(), "text/event-stream", stays_open=stays_open)


NO_ROUTE = problem(404, "no_such_route", "path: there is no such thing here")


class TalkingServer:
    """Answers each call by method and path, repeating the last reply; records the bodies that it got."""

    def __init__(self, replies: dict[str, Sequence[Reply]]) -> None:
        self.bodies: list[bytes] = []
        self.keys: set[str | None] = set()  # the values of Authorization
        self.prefers: list[str | None] = []  # of each GET of a payment
        self.url = ""
        self.over = threading.Event()
        self._replies = {call: list(sequence) for call, sequence in replies.items()}
        self._lock = threading.Lock()

    def reply(self, call: str, body: bytes) -> Reply:
        """Return the answer to this call."""
        with self._lock:
            self.bodies.append(body)
            replies = self._replies.get(call, [NO_ROUTE])
            return replies.pop(0) if len(replies) > 1 else replies[0]


@contextmanager
def talking(replies: dict[str, Sequence[Reply]]) -> Iterator[TalkingServer]:
    """Run such a server on a free port."""
    server = TalkingServer(replies)
    http = ThreadingHTTPServer((HOST, 0), _handler(server))
    http.daemon_threads = False  # so that closing waits for every connection
    server.url = f"http://{HOST}:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        http.shutdown()
        thread.join()
        http.server_close()


def _handler(server: TalkingServer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.keys.add(self.headers.get("Authorization"))
            if self.command == "GET" and self.path.startswith("/payments/"):
                server.prefers.append(self.headers.get("Prefer"))
            reply = server.reply(f"{self.command} {self.path.partition('?')[0]}", body)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Connection", "close")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            self.wfile.flush()
            if reply.stays_open:
                server.over.wait()

    return Handler
