"""The requests to a processor, byte for byte."""

from datetime import UTC, datetime

import pytest

from services.dispatcher.adapters.processor_api import ProcessorApi
from services.dispatcher.adapters.transport import Origin

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
NOW = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
BODY = b'{"correlationId":"%b","amount":19.9,"requestedAt":"2025-07-15T12:34:56.789Z"}' % ID.encode()


class Recorder:
    """A transport that remembers what it was given, and answers 500, so that every charge is looked up."""

    def __init__(self) -> None:
        self.given: list[tuple[Origin, bytes, float]] = []

    async def exchange(self, origin: Origin, wire: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Remember."""
        self.given.append((origin, wire, timeout_s))
        return 500, b""


@pytest.mark.parametrize(
    ("url", "origin", "host", "path"),
    [
        ("http://10.1.2.3:8001", Origin("10.1.2.3", 8001, is_tls=False), b"10.1.2.3:8001", b"/payments"),
        ("http://processor:80", Origin("processor", 80, is_tls=False), b"processor", b"/payments"),
        ("https://Processor/v1", Origin("processor", 443, is_tls=True), b"processor", b"/v1/payments"),
        ("http://[::1]:81/%20", Origin("::1", 81, is_tls=False), b"[::1]:81", b"/%20/payments"),
        ("http://bücher.de/ü", Origin("bücher.de", 80, is_tls=False), b"xn--bcher-kva.de", b"/%C3%BC/payments"),
    ],
)
async def test_requests_byte_for_byte(url: str, origin: Origin, host: bytes, path: bytes) -> None:
    """A charge, the look-up after it and the health call, each with its own time."""
    recorder = Recorder()
    api = ProcessorApi(url, recorder, call_timeout_s=10.0, health_timeout_s=2.0)
    await api.charge(ID, 1990, NOW)
    await api.health()
    content = b"Content-Type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
    assert recorder.given == [
        (origin, b"POST %b HTTP/1.1\r\nHost: %b\r\n%b" % (path, host, content), 10.0),
        (origin, b"GET %b/%b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path, ID.encode(), host), 10.0),
        (origin, b"GET %b/service-health HTTP/1.1\r\nHost: %b\r\n\r\n" % (path, host), 2.0),
    ]
