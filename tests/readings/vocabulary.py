"""Methods, targets, headers and line ends, valid and invalid, from which requests are generated."""

# The secrets of two keys: the first may pay, the second may only read.
PAYS, READS = "tarifa_pays", "tarifa_reads"
METHODS = (
    b"GET",
    b"PUT",
    b"HEAD",
    b"DELETE",
    b"OPTIONS",
    b"BREW",
    b"post",
    b"Post",
    b"POST ",
    b" POST",
    b"PO\tST",
    b"",
)
TARGETS = (
    *(b"/payments?x=1", b"/payments/", b"//payments", b"/payments//", b"/./payments", b"/healthz/../payments"),
    *(b"/%70ayments", b"/payments%2f", b"/payments%00", b"/payments\x00", b"/payments#x", b"/Payments", b"/payments;x"),
    *(b"http://x/payments", b"http://x:80/payments", b"HTTP://x/payments", b"https://x/payments", b"//x/payments"),
    *(
        b"http://x",
        b"http:///payments",
        b"x:80",
        b"*",
        b"payments",
        b"",
        b"/pay ments",
        b"/payments\t",
        b"/payments\xe9",
    ),
    *(b"/healthz", b"/nowhere", b"/purge-payments", b"/payments-summary?from=yesterday", b"/payments/x"),
    *(b"/payments/4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3", b"/payments?" + b"x" * 300, b"/payments\\", b"/..//payments"),
)
VERSIONS = (
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.1 ",
    b"http/1.1",
    b"HTTP/1.1\t",
    b"HTTP/01.1",
    b"",
)
ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n", b"\x00\r\n", b"\x0b\r\n")
SPACES = (b"", b"  ", b"\t", b" \t ", b"\x0b", b"\xa0", b"\x00")
ENCODINGS = (
    *(b"chunked", b"Chunked", b"CHUNKED", b"chunked ", b"\tchunked", b"chunked,", b"chunked, chunked", b"identity"),
    *(
        b"gzip, chunked",
        b"chunked, identity",
        b"xchunked",
        b'"chunked"',
        b"chunked;q=1",
        b"\x0bchunked",
        b"chunked\x00",
        b"",
    ),
)
NAMES = (
    b"Content-Length",
    b"content-length",
    b"CONTENT-LENGTH",
    b"Content_Length",
    b"Content-Length\t",
    b"Content-Length ",
)
KEY = b"Authorization: Bearer " + PAYS.encode()
ODD_HEADERS = (
    *(
        KEY,
        KEY + b", " + PAYS.encode(),
        KEY + b"\xa0",
        b"Authorization: Bearer " + READS.encode(),
        b"Authorization:",
    ),
    *(b"Authorization: bearer  " + PAYS.encode(), b"Authorization: Basic eDp4", b"Cookie: tarifa_key=" + PAYS.encode()),
    *(
        b"Origin: http://x",
        b"Origin: http://y",
        b"Origin: null",
        b"Sec-Fetch-Site: cross-site",
        b"Sec-Fetch-Site: none",
    ),
    *(
        b"X-A:",
        b"X-A: \xff\xfe",
        b"x_under: 1",
        b"X-A: a\x00b",
        b"X-A: a\nX-B: b",
        b"X-A: a\rX-B: b",
        b": none",
        b"no colon",
    ),
    *(
        b" folded: 1",
        b"\tfolded",
        b"X A: 1",
        b"X-\xe9: 1",
        b"X-A : 1",
        b"X(A): 1",
        b"X-A: " + b"y" * 3000,
        b"Host: y",
        b"Host:",
    ),
    *(b"Connection: close", b"Connection: keep-alive", b"Connection: X-A", b"Connection: close, X-A", b"Keep-Alive: 5"),
    *(b"Expect: 100-continue", b"Expect: 100-Continue", b"Upgrade: websocket", b"Upgrade: h2c", b"TE: trailers"),
    *(b"Content-Type: application/json", b"Content-Type: text/plain", b"Content-Type: application/json;charset=utf-8"),
    *(
        b"Content-Type:",
        b"Content-Encoding: gzip",
        b"Content-Encoding: identity",
        b"Trailer: X-A",
        b"X-Forwarded-For: 1.2.3.4",
    ),
    *(b"Accept: */*", b"Accept: application/problem+json", b"accept:application/PROBLEM+json;q=0", b"Prefer: wait=0"),
    *(b"X-A: a\nContent-Length: 5", b"X-A: a\nTransfer-Encoding: chunked", b"X-A: a\r Content-Length: 5"),
)
