"""Errors in the requested form: our own, Sanic's and the guard's, by a real ingress."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from services.ingress.core.problem import title_of
from services.keys.key_file import write_keys
from tests.integration.ingress.ingress_process import IngressProcess, new_id
from tests.integration.ingress.keys_in_use import KEYS, bearer
from tests.nats_server import PATIENCE_S, NatsServer

PROBLEM = {"Accept": "application/problem+json"}
ID = new_id()

# Method, path, what is sent with it; and the answer.
OPEN: dict[str, tuple[str, str, Mapping[str, object], int, str]] = {
    "no such payment": ("GET", f"/payments/{ID}", {}, 404, "no_such_payment"),
    "no such route": ("GET", "/nowhere", {}, 404, "no_such_route"),
    "other method": ("DELETE", "/payments", {}, 405, "method_not_allowed"),
    "not json": ("POST", "/payments", {"content": b"x"}, 400, "not_json"),
    "not json type": ("POST", "/payments", {"data": {"a": "b"}}, 415, "not_json_type"),
    "large body": ("POST", "/payments", {"content": b"x" * 5_000}, 413, "body_too_large"),
    "larger body": ("POST", "/payments", {"content": b"x" * 70_000}, 413, "body_too_large"),
    "unknown parameter": ("GET", "/payments-summary?FROM=1", {}, 400, "unknown_parameter"),
    "no ledger": ("GET", "/payments-summary", {}, 503, "ledger_away"),
    "not ready": ("GET", "/readyz", {}, 503, "not_ready"),
    "no purge": ("POST", "/purge-payments", {}, 403, "purge_not_allowed"),
    "other site": ("POST", "/purge-payments", {"headers": {"Origin": "http://elsewhere"}}, 403, "cross_site"),
}


def ask(ingress: IngressProcess, method: str, path: str, more: Mapping[str, object], **headers: str) -> httpx.Response:
    """Return an answer."""
    own = {**more.get("headers", {}), **headers}  # type: ignore[dict-item]
    rest = {name: value for name, value in more.items() if name != "headers"}
    return httpx.request(method, ingress.url + path, headers=own, timeout=PATIENCE_S, trust_env=False, **rest)  # type: ignore[arg-type]


def is_problem(answer: httpx.Response, status: int, slug: str) -> bool:
    """Check the members of RFC 9457, and that the slug and the sentence are those of the other form."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers["vary"] == "Accept"
    document = answer.json()
    assert document.pop("detail")
    assert document == {"type": f"/docs#{slug}", "title": title_of(slug), "status": status, "error": slug}
    return True


@pytest.mark.parametrize("name", OPEN)
def test_an_error_is_a_problem_if_the_request_accepts_one(shared_ingress: IngressProcess, name: str) -> None:
    """With the same status and headers, the same slug and the same sentence; others get the usual bytes."""
    method, path, more, status, slug = OPEN[name]
    plain = ask(shared_ingress, method, path, more)
    assert (plain.status_code, plain.headers["content-type"]) == (status, "application/json")
    assert list(plain.json()) == ["error", "detail"]
    assert "vary" not in plain.headers
    problem = ask(shared_ingress, method, path, more, **PROBLEM)
    assert is_problem(problem, status, slug)
    assert problem.json()["detail"] == plain.json()["detail"]
    for header in ("allow", "retry-after", "www-authenticate"):
        assert problem.headers.get(header) == plain.headers.get(header)
    wildcard = ask(shared_ingress, method, path, more, Accept="text/html, application/*, */*;q=0.1")
    assert wildcard.content == plain.content


def test_a_head_has_the_headers_of_a_problem_and_no_body(shared_ingress: IngressProcess) -> None:
    """The length too is that of a GET's."""
    path = f"/payments/{ID}"
    head, whole = (ask(shared_ingress, method, path, {}, **PROBLEM) for method in ("HEAD", "GET"))
    assert (head.status_code, head.content, head.headers["content-type"]) == (404, b"", PROBLEM["Accept"])
    assert head.headers["content-length"] == str(len(whole.content))


def test_a_head_that_is_refused_while_it_is_read_is_answered_in_the_usual_form(shared_ingress: IngressProcess) -> None:
    """There is no request yet whose Accept could be read."""
    answer = ask(shared_ingress, "POST", "/payments", {"content": b"x"}, Expect="tea", **PROBLEM)
    assert (answer.status_code, answer.headers["content-type"]) == (417, "application/json")


def test_what_is_not_an_error_is_unchanged(shared_ingress: IngressProcess) -> None:
    """There is no other form, and a stored payment is not refused for that."""
    paid = ask(shared_ingress, "POST", "/payments", {"json": {"correlationId": new_id(), "amount": 1}}, **PROBLEM)
    assert (paid.status_code, paid.headers["content-type"]) == (202, "application/json")


@pytest.fixture
def closed(tmp_path: Path, nats_server: NatsServer) -> Iterator[IngressProcess]:
    """An ingress that needs keys."""
    file = tmp_path / "api_keys.json"
    write_keys(file, KEYS)
    process = IngressProcess(tmp_path / "log", nats_server.url, API_KEYS=str(file))
    try:
        yield process.start()
    finally:
        process.stop()


def test_a_denied_caller_is_answered_in_the_same_form(closed: IngressProcess) -> None:
    """401, 403 and 429, for payments and other calls."""
    pay = ("POST", "/payments", {"content": b"{}"})
    assert is_problem(ask(closed, *pay, **PROBLEM), 401, "key_missing")
    assert is_problem(ask(closed, *pay, **PROBLEM, **bearer("nobody")), 401, "key_unknown")
    assert is_problem(ask(closed, *pay, **PROBLEM, **bearer("reader")), 403, "scope_missing")
    assert is_problem(ask(closed, "GET", "/payments-summary", {}, **PROBLEM), 401, "key_missing")
    answers = [ask(closed, *pay, **PROBLEM, **bearer("slow")) for _ in range(3)]
    denied = [answer for answer in answers if answer.status_code == 429]
    assert denied
    assert is_problem(denied[-1], 429, "too_many_requests")
    assert denied[-1].headers["retry-after"]
