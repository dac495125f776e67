"""Which heads and chunks are accepted; what two readers may read differently is refused."""

import pytest

from services.ingress.core.request_head import chunk_refused, head_refused

LINE = b"POST /payments HTTP/1.1"


@pytest.mark.parametrize(
    "head",
    [
        LINE,
        LINE + b"\r\nHost: x\r\ncontent-LENGTH:\t74 \r\nX-Any:\r\nX-Other: \xc3\xa9, \xff",
        LINE + b"\r\nTransfer-Encoding: chunked",
        LINE + b"\r\ntransfer-encoding:Chunked",
        b"GET http://x/payments/1?a=%20 HTTP/1.0\r\nContent-Length: 0",
        b"BREW * HTTP/1.1\r\nHost: x",
    ],
)
def test_a_head_that_can_be_read_in_one_way_only_is_accepted(head: bytes) -> None:
    """However its names are spelt and its values are separated."""
    assert head_refused(head) is None


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"", "first line"),
        (b"POST /payments", "first line"),
        (b"POST  /payments HTTP/1.1", "first line"),
        (b"POST /pay ments HTTP/1.1", "first line"),
        (b" POST /payments HTTP/1.1", "first line"),
        (b"\nPOST /payments HTTP/1.1", "first line"),
        (b"PO\tST /payments HTTP/1.1", "first line"),
        (b"POST /payments\x00 HTTP/1.1", "first line"),
        (b"POST /pay\xc3\xa9 HTTP/1.1", "first line"),
        (b"POST /payments HTTP/1.2", "first line"),
        (b"POST /payments http/1.1", "first line"),
        (LINE + b"\nHost: x", "first line"),
        (LINE + b"\r\nno colon", "headers"),
        (LINE + b"\r\n: nameless", "headers"),
        (LINE + b"\r\n folded: 1", "headers"),
        (LINE + b"\r\nContent-Length : 5", "headers"),
        (LINE + b"\r\nX-\xe9: 1", "headers"),
        (LINE + b"\r\nX-A: a\nContent-Length: 5", "headers"),
        (LINE + b"\r\nX-A: a\rContent-Length: 5", "headers"),
        (LINE + b"\r\nX-A: a\x00", "headers"),
        (LINE + b"\r\nX-A: a\x0b", "headers"),
        (LINE + b"\r\nHost: x\r\n", "headers"),
        (LINE + b"\r\nHost: x\r\nhost: y", "once"),
        (LINE + b"\r\nContent-Length: 5\r\ncontent-length: 5", "once"),
        (LINE + b"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", "once"),
        (LINE + b"\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "once"),
        (LINE + b"\r\nContent-Length:", "a number"),
        (LINE + b"\r\nContent-Length: +5", "a number"),
        (LINE + b"\r\nContent-Length: 5, 5", "a number"),
        (LINE + b"\r\nContent-Length: 1_0", "a number"),
        (LINE + b"\r\nContent-Length: \xc2\xa05", "a number"),
        (LINE + b"\r\nContent-Length: \xd9\xa5", "a number"),
        (LINE + b"\r\nContent-Length: 18446744073709551621", "a number"),
        (LINE + b"\r\nTransfer-Encoding: gzip, chunked", "chunked"),
        (LINE + b"\r\nTransfer-Encoding: identity", "chunked"),
        (LINE + b"\r\nTransfer-Encoding: chunked ", "chunked"),
        (b"POST /payments HTTP/1.0\r\nTransfer-Encoding: chunked", "chunked"),
    ],
)
def test_a_head_that_readers_may_read_differently_is_refused(head: bytes, why: str) -> None:
    """With a sentence that names what is wrong."""
    assert why in (head_refused(head) or "")


@pytest.mark.parametrize("line", [b"\r\n5", b"\r\n0", b"\r\n0A", b"\r\nffFF", b"\r\n5;name=value", b'\r\n5; a="b"'])
def test_a_chunks_size_may_be_any_hexadecimal_number(line: bytes) -> None:
    """With or without extensions."""
    assert chunk_refused(line) is None


@pytest.mark.parametrize(
    "line",
    [
        *(b"XX5", b"5", b"\n5", b"\r\n", b"\r\n5 ", b"\r\n 5", b"\r\n0x5", b"\r\n+5", b"\r\n-5", b"\r\n5_0"),
        *(
            b"\r\n" + b"0" * 9,
            b"\r\n\xd9\xa5",
            b"\r\n5;a\nb",
            b"\r\n5;a\rb",
            b"\r\n5;\x00",
            b"\r\n5 ;a",
            b"\r\n;a",
            b"\r\n\r\n5",
        ),
    ],
)
def test_a_chunk_whose_end_readers_may_read_differently_is_refused(line: bytes) -> None:
    """Sanic itself does not check the line end before a size, and accepts whatever Python reads as a number."""
    assert chunk_refused(line) is not None
