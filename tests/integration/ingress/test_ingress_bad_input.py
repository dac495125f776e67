"""Bad input is answered with 4xx, a slug and a sentence; never with 500, and nothing of it is stored."""

import gzip
import json
import socket

import httpx
import pytest

from tests.integration.ingress.ingress_process import IngressProcess, new_id
from tests.nats_server import PATIENCE_S

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
SPACE = b" " * 5000


def _body(payment_id: str = f'"{ID}"', amount: str = "19.90") -> bytes:
    return f'{{"correlationId": {payment_id}, "amount": {amount}}}'.encode()


BODIES = {
    "empty": (b"", 400, "not_json"),
    "not json": (b"amount=1", 400, "not_json"),
    "cut short": (b'{"correlationId": "', 400, "not_json"),
    "not utf-8": (b'{"correlationId": "\xff\xfe"}', 400, "not_json"),
    "half a surrogate": (b'{"correlationId": "\\ud800"}', 400, "not_json"),
    "byte order mark": (b"\xef\xbb\xbf" + _body(), 400, "not_json"),
    "nested too deep": (b"[" * 3000, 400, "not_json"),
    "array": (b"[]", 400, "not_an_object"),
    "string": (b'"x"', 400, "not_an_object"),
    "null": (b"null", 400, "not_an_object"),
    "no fields": (b"{}", 400, "field_missing"),
    "no id": (b'{"amount": 1}', 400, "field_missing"),
    "no amount": (b'{"correlationId": "%s"}' % ID.encode(), 400, "field_missing"),
    "id null": (_body("null"), 400, "field_mistyped"),
    "id number": (_body("7"), 400, "field_mistyped"),
    "id in braces": (_body(f'"{{{ID}}}"'), 400, "not_an_id"),
    "id as urn": (_body(f'"urn:uuid:{ID}"'), 400, "not_an_id"),
    "id without hyphens": (_body(f'"{ID.replace("-", "")}"'), 400, "not_an_id"),
    "id with a line end": (_body(f'"{ID}\\n"'), 400, "not_an_id"),
    "id of arabic digits": (_body('"' + ID.replace("4", "\N{ARABIC-INDIC DIGIT FOUR}") + '"'), 400, "not_an_id"),
    "id that is a subject": (_body('"*.>"'), 400, "not_an_id"),
    "amount text": (_body(amount='"19.90"'), 400, "field_mistyped"),
    "amount true": (_body(amount="true"), 400, "field_mistyped"),
    "amount null": (_body(amount="null"), 400, "field_mistyped"),
    "amount array": (_body(amount="[1]"), 400, "field_mistyped"),
    "amount zero": (_body(amount="0"), 400, "amount_not_positive"),
    "amount minus zero": (_body(amount="-0.0"), 400, "amount_not_positive"),
    "amount negative": (_body(amount="-1"), 400, "amount_not_positive"),
    "amount of three decimals": (_body(amount="19.901"), 400, "amount_too_precise"),
    "amount 0.1 + 0.2": (_body(amount="0.30000000000000004"), 400, "amount_too_precise"),
    "amount below a cent": (_body(amount="0.001"), 400, "amount_too_precise"),
    "amount smallest double": (_body(amount="5e-324"), 400, "amount_too_precise"),
    "amount NaN": (_body(amount="NaN"), 400, "not_json"),
    "amount Infinity": (_body(amount="Infinity"), 400, "not_json"),
    "amount 1e400": (_body(amount="1e400"), 400, "not_json"),
    "amount above the most": (_body(amount="1000000000.01"), 400, "amount_too_large"),
    "amount 1e300": (_body(amount="1e300"), 400, "amount_too_large"),
    "amount of thirty digits": (_body(amount="1" * 30), 400, "amount_too_large"),
    "body over 4 KiB": (SPACE + _body(), 413, "body_too_large"),
    "body over 64 KiB": (SPACE * 20 + _body(), 413, "body_too_large"),
}

REQUESTS = {
    "unknown route": ("GET", "/nowhere", 404, "no_such_route"),
    "broken percent in a path": ("GET", "/%zz%", 404, "no_such_route"),
    "not utf-8 in a path": ("GET", "/payments/%ff%fe", 400, "not_an_id"),
    "broken percent in an id": ("GET", "/payments/%zz", 400, "not_an_id"),
    "wild card for an id": ("GET", "/payments/*", 400, "not_an_id"),
    "unknown payment": ("GET", f"/payments/{ID}", 404, "no_such_payment"),
    "too much path": ("GET", f"/payments/{ID}/more", 404, "no_such_route"),
    "period garbage": ("GET", "/payments-summary?from=yesterday", 400, "not_a_period"),
    "period empty": ("GET", "/payments-summary?from=", 400, "not_a_period"),
    "period number": ("GET", "/payments-summary?to=1752537600", 400, "not_a_period"),
    "period not utf-8": ("GET", "/payments-summary?to=%ff", 400, "not_a_period"),
    "period broken percent": ("GET", "/payments-summary?to=%zz", 400, "not_a_period"),
    "period with a zero byte": ("GET", "/payments-summary?to=2025-07-15T00:00:00Z%00", 400, "not_a_period"),
    "no such day": ("GET", "/payments-summary?to=2025-02-30", 400, "not_a_period"),
    "no such utc": ("GET", "/payments-summary?from=0001-01-01T00:00:00%2B14:00", 400, "not_a_period"),
    "from given twice": ("GET", "/payments-summary?from=2025-07-15&from=2025-07-15", 400, "not_a_period"),
    "from after to": ("GET", "/payments-summary?from=2025-07-16&to=2025-07-15", 400, "not_a_period"),
    "parameter in another case": ("GET", "/payments-summary?FROM=2025-07-15", 400, "unknown_parameter"),
    "parameter of another": (
        "GET",
        "/payments-summary?from=2025-07-15&start=2025-07-15",
        400,
        "unknown_parameter",
    ),
    "parameter without a value": ("GET", "/payments-summary?all", 400, "unknown_parameter"),
    "parameter of a payment": ("GET", f"/payments/{ID}?verbose=1", 400, "unknown_parameter"),
    "parameter of health": ("GET", "/healthz?x=1", 400, "unknown_parameter"),
    "parameter of readiness": ("GET", "/readyz?x=1", 400, "unknown_parameter"),
    "parameter of events": ("GET", "/events?since=1", 400, "unknown_parameter"),
    "purge not allowed": ("POST", "/purge-payments", 403, "purge_not_allowed"),
    "wrong method": ("PUT", "/payments", 405, "method_not_allowed"),
    "unknown method": ("BREW", "/payments", 405, "method_not_allowed"),
    "get where post is": ("GET", "/purge-payments", 405, "method_not_allowed"),
}

RAW = {
    "no request line": (b"\r\n\r\n", 400),
    "garbage": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    "no version": (b"GET /healthz\r\n\r\n", 400),
    "http/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "raw bytes in the path": (b"GET /p\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "url without end": (b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "header without colon": (b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", 400),
    "length not a number": (b"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n", 400),
    "length negative": (b"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    "two lengths": (b"POST /payments HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400),
    "bad chunk": (b"POST /payments HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "unknown expectation": (b"POST /payments HTTP/1.1\r\nExpect: tea\r\nContent-Length: 2\r\n\r\n{}", 417),
    "large headers": (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
}


def _post(ingress: IngressProcess, body: bytes) -> httpx.Response:
    return httpx.post(f"{ingress.url}/payments", content=body, timeout=PATIENCE_S, trust_env=False)


def _is_error(document: object) -> bool:
    return isinstance(document, dict) and set(document) == {"error", "detail"} and all(document.values())


@pytest.mark.parametrize("name", BODIES)
def test_bad_body_is_rejected_with_its_slug(shared_ingress: IngressProcess, name: str) -> None:
    """Each wrong body has its own slug, and the detail is a sentence."""
    body, status, slug = BODIES[name]
    answer = _post(shared_ingress, body)
    assert (answer.status_code, answer.json()["error"]) == (status, slug)
    assert _is_error(answer.json())


def test_a_compressed_body_is_named_as_such(shared_ingress: IngressProcess) -> None:
    """Instead of what a parser of JSON would report."""
    error = _post(shared_ingress, gzip.compress(_body())).json()
    assert error == {"error": "not_json", "detail": "body: is compressed with gzip, and must not be"}
    assert _post(shared_ingress, BODIES["not utf-8"][0]).json()["detail"] == "body: is not UTF-8 from byte 19 on"


@pytest.mark.parametrize("name", REQUESTS)
def test_bad_request_is_rejected_with_its_slug(shared_ingress: IngressProcess, name: str) -> None:
    """Invalid routes, methods, ids and periods, whatever their bytes."""
    method, target, status, slug = REQUESTS[name]
    answer = _raw(shared_ingress, f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (int(head.split()[1]), json.loads(body)["error"]) == (status, slug)
    assert _is_error(json.loads(body))


@pytest.mark.parametrize("name", RAW)
def test_what_is_not_http_is_rejected_in_the_same_shape(shared_ingress: IngressProcess, name: str) -> None:
    """What Sanic refuses by itself has the shape of all other errors."""
    request, status = RAW[name]
    head, _, body = _raw(shared_ingress, request).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status, head
    assert _is_error(json.loads(body))


@pytest.mark.parametrize(
    ("target", "allowed"),
    [("/payments", {"POST", "GET", "HEAD"}), (f"/payments/{ID}", {"GET", "HEAD"}), ("/purge-payments", {"POST"})],
)
def test_wrong_method_is_answered_with_the_allowed_ones(
    shared_ingress: IngressProcess, target: str, allowed: set[str]
) -> None:
    """A 405 has an Allow header."""
    answer = httpx.delete(f"{shared_ingress.url}{target}", timeout=PATIENCE_S, trust_env=False)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("line", "status"),
    [("POST /nowhere", 404), ("PUT /payments", 405), ("DELETE /payments-summary", 405)],
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_body_of_a_refused_request_is_not_read_as_a_request(
    shared_ingress: IngressProcess, line: str, status: int, *, is_chunked: bool
) -> None:
    """Sanic answers before it has read the body, which may look like a payment; the next request is answered."""
    payment_id = new_id()
    body = _body(f'"{payment_id}"')
    smuggled = b"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(smuggled)}"
    with socket.create_connection(("127.0.0.1", shared_ingress.port), timeout=PATIENCE_S) as connection:
        connection.sendall(f"{line} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        assert _read_answer(connection).startswith(b"HTTP/1.1 %d " % status)
        if is_chunked:
            connection.sendall(b"%x\r\n" % len(smuggled))
        connection.sendall(smuggled)
        if is_chunked:
            connection.sendall(b"\r\n0\r\n\r\n")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"alive" in _read_answer(connection)
    answer = httpx.get(f"{shared_ingress.url}/payments/{payment_id}", timeout=PATIENCE_S, trust_env=False)
    assert answer.status_code == 404


def test_a_good_payment_is_accepted_after_all_that(shared_ingress: IngressProcess) -> None:
    """The process survives bad input, and has logged no fault."""
    answer = _post(shared_ingress, _body(f'"{new_id()}"'))
    assert answer.status_code == 202
    assert "ingress.fault" not in shared_ingress.events()


def _raw(ingress: IngressProcess, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", ingress.port), timeout=PATIENCE_S) as connection:
        connection.sendall(request)
        return _read_answer(connection)


def _read_answer(connection: socket.socket) -> bytes:
    answer = b""
    while not _is_whole(answer) and (part := connection.recv(65536)):
        answer += part
    return answer


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(end) and bool(lengths) and len(body) >= int(lengths[0])
