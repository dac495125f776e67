"""The requests to a processor, byte for byte."""

from datetime import UTC, datetime

import pytest

from services.access.processor_access import ProcessorCredentials, verifying
from services.dispatcher.adapters.connection import HttpAnswer
from services.dispatcher.adapters.processor_api import ProcessorApi
from services.dispatcher.adapters.transport import Origin
from tests.unit.dispatcher.fake_processor import registered

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
TLS = verifying(None)
NOW = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
BODY = b'{"correlationId":"%b","amount":19.9,"requestedAt":"2025-07-15T12:34:56.789Z"}' % ID.encode()


class Recorder:
    """A transport that records what it was given, and answers 500, so that every charge is looked up."""

    def __init__(self) -> None:
        self.given: list[tuple[Origin, bytes, float]] = []

    async def exchange(self, origin: Origin, wire: bytes, timeout_s: float) -> HttpAnswer:
        """Record it."""
        self.given.append((origin, wire, timeout_s))
        return HttpAnswer(500, b"", read_at_ms=0)


@pytest.mark.parametrize(
    ("url", "origin", "host", "path"),
    [
        ("http://10.1.2.3:8001", Origin("10.1.2.3", 8001, None), b"10.1.2.3:8001", b"/payments"),
        ("http://processor:80", Origin("processor", 80, None), b"processor", b"/payments"),
        ("https://Processor/v1", Origin("processor", 443, TLS), b"processor", b"/v1/payments"),
        ("http://[::1]:81/%20", Origin("::1", 81, None), b"[::1]:81", b"/%20/payments"),
        ("http://bücher.de/ü", Origin("bücher.de", 80, None), b"xn--bcher-kva.de", b"/%C3%BC/payments"),
    ],
)
@pytest.mark.parametrize("headers", [(), (("Authorization", "Bearer x"), ("X-Key", "y"))], ids=["none", "two"])
async def test_requests_byte_for_byte(
    url: str, origin: Origin, host: bytes, path: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    """A charge, the look-up after it and the health call, each with its own timeout and with the credentials."""
    recorder = Recorder()
    credentials = ProcessorCredentials(headers, TLS if url.startswith("https") else None)
    api = ProcessorApi(
        registered(url=url), recorder, call_timeout_s=10.0, health_timeout_s=2.0, credentials=credentials
    )
    await api.charge(ID, 1990, NOW)
    await api.health()
    host += b"\r\nAuthorization: Bearer x\r\nX-Key: y" if headers else b""
    content = b"Content-Type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
    assert recorder.given == [
        (origin, b"POST %b HTTP/1.1\r\nHost: %b\r\n%b" % (path, host, content), 10.0),
        (origin, b"GET %b/%b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path, ID.encode(), host), 10.0),
        (origin, b"GET %b/service-health HTTP/1.1\r\nHost: %b\r\n\r\n" % (path, host), 2.0),
    ]


async def test_an_attempt_of_a_trace_carries_its_header() -> None:
    """One more header, on the charge alone."""
    recorder = Recorder()
    api = ProcessorApi(registered(), recorder, call_timeout_s=10.0, health_timeout_s=2.0)
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await api.charge(ID, 1990, NOW, traceparent)
    (_, post, _), (_, get, _) = recorder.given
    head = b"Content-Type: application/json\r\ncontent-length: %d\r\ntraceparent: %b\r\n\r\n"
    head %= len(BODY), traceparent.encode()
    assert post == b"POST /payments HTTP/1.1\r\nHost: processor\r\n%b%b" % (head, BODY)
    assert b"traceparent" not in get


def test_https_without_anything_to_verify_by_is_an_error() -> None:
    """The caller must pass what verifies the other end."""
    with pytest.raises(ValueError, match="nothing verifies who is at"):
        ProcessorApi(registered(url="https://a"), Recorder(), call_timeout_s=10.0, health_timeout_s=2.0)
