"""Which requests are plain payments, byte for byte; all others are left to the framework."""

import pytest

from services.ingress.core.plain_payment import PlainPayment, read_plain_payment

LINE = b"POST /payments HTTP/1.1\r\n"
HOST = b"Host: ingress\r\n"
BODY = b'{"correlationId":"4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3","amount":19.9}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
PLAIN = LINE + HOST + LENGTH + b"Content-Type: application/json\r\n\r\n" + BODY


def read(received: bytes) -> PlainPayment | None:
    """Read what a connection has received."""
    return read_plain_payment(bytearray(received))


def test_a_plain_payment_is_read() -> None:
    """Its body, and its size in bytes."""
    assert read(PLAIN) == PlainPayment(BODY, len(PLAIN), host="ingress")


def test_what_follows_it_is_another_request() -> None:
    """Two in one packet are read one after the other."""
    received = bytearray(PLAIN + PLAIN[:40])
    first = read_plain_payment(received)
    assert first == PlainPayment(BODY, len(PLAIN), host="ingress")
    del received[: first.size]
    assert received == PLAIN[:40]


@pytest.mark.parametrize(
    ("head", "authorization", "host"),
    [
        (LINE + LENGTH, None, None),
        (LINE + b"content-length:%d\r\n" % len(BODY), None, None),
        (LINE + HOST + b"CONTENT-LENGTH: \t%d \r\nX-Any: thing\r\n" % len(BODY), None, "ingress"),
        (LINE + b"AUTHORIZATION:\tBearer Ab_c \r\n" + LENGTH + b"hOST:x\r\n", "Bearer Ab_c", "x"),
        (LINE + LENGTH + b"Authorization: \r\n" + HOST, "", "ingress"),
        (LINE + LENGTH + b"X-Authorization: Bearer a\r\nX-Host: b\r\n", None, None),
        (LINE + LENGTH + b"Accept: application/json\r\nX-Prefer: problem+json\r\n", None, None),
    ],
)
def test_headers_may_be_spelt_in_any_way(head: bytes, authorization: str | None, host: str | None) -> None:
    """As HTTP allows; values stay as they were written, for a key in lower case is another key."""
    expected = PlainPayment(BODY, len(head) + 2 + len(BODY), authorization, host)
    assert read(head + b"\r\n" + BODY) == expected


@pytest.mark.parametrize("length", range(len(PLAIN)))
def test_part_of_a_plain_payment_is_not_read(length: int) -> None:
    """The framework reads slow requests, with its timeouts."""
    assert read(PLAIN[:length]) is None


@pytest.mark.parametrize(
    "received",
    [
        b"GET /payments HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY,
        b"POST /payments/ HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY,
        b"POST /payments?x=1 HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY,
        b"POST /payments HTTP/1.0\r\n" + LENGTH + b"\r\n" + BODY,
        b"\r\n" + PLAIN,
        LINE + HOST + b"\r\n" + BODY,
        LINE + LENGTH + LENGTH + b"\r\n" + BODY,
        LINE + b"Content-Length : %d\r\n\r\n" % len(BODY) + BODY,
        LINE + b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY,
        LINE + b"Content-Length: \r\n\r\n" + BODY,
        LINE + b"Content-Length: 0x10\r\n\r\n" + BODY,
        LINE + b"Content-Length: \xb2\r\n\r\n" + BODY,
        LINE + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000,
        LINE + b"Content-Length: " + b"0" * 5_000 + b"70\r\n\r\n" + BODY,
        LINE + b"Content-Length: " + b"1" * 5_000 + b"\r\n\r\n" + BODY,
        LINE + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + BODY,
        LINE + LENGTH + b"Expect: 100-continue\r\n\r\n" + BODY,
        LINE + LENGTH + b"Connection: close\r\n\r\n" + BODY,
        LINE + LENGTH + b"Upgrade: websocket\r\n\r\n" + BODY,
        LINE + LENGTH + b"Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n" + BODY,
        LINE + LENGTH + HOST + HOST + b"\r\n" + BODY,
        LINE + LENGTH + b"Cookie: tarifa_key=a\r\n\r\n" + BODY,
        LINE + LENGTH + b"Origin: http://elsewhere\r\n\r\n" + BODY,
        LINE + LENGTH + b"Sec-Fetch-Site: cross-site\r\n\r\n" + BODY,
        LINE + LENGTH + b"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n" + BODY,
        LINE + LENGTH + b"pREFER: wait=5\r\n\r\n" + BODY,
        LINE + LENGTH + b"Accept: text/html\r\nAccept: */*, Application/Problem+JSON;q=0.5\r\n\r\n" + BODY,
        LINE + LENGTH + b"no header\r\n\r\n" + BODY,
        LINE + LENGTH + b" folded: header\r\n\r\n" + BODY,
        LINE + LENGTH + b": nameless\r\n\r\n" + BODY,
        LINE + LENGTH + b"Long: %b\r\n\r\n" % (b"x" * 10_000) + BODY,
    ],
)
def test_whatever_is_not_certainly_plain_is_not_read(received: bytes) -> None:
    """What a request smuggler would try, and what asks for anything special."""
    assert read(received) is None


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain\r\n",
        b"Content-Type: application/json\r\nContent-Type: text/plain\r\n",
        b"Content-Type: application/json, text/plain\r\n",
        b"Content-Encoding: gzip\r\n",
    ],
)
def test_the_framework_refuses_what_may_not_be_json(header: bytes) -> None:
    """It answers 415; the plain path answers nothing that the framework would not."""
    assert read(LINE + HOST + LENGTH + header + b"\r\n" + BODY) is None
