"""The description and its page, as ingress serves them."""

import json

import httpx
import pytest

from services.ingress.adapters.documents import DOCUMENTS, FOLDER, Document
from tests.integration.ingress.ingress_process import IngressProcess
from tests.nats_server import PATIENCE_S


def asked(ingress: IngressProcess, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """Return the answer."""
    return httpx.request(method, f"{ingress.url}{path}", headers=headers, timeout=PATIENCE_S, trust_env=False)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.file)
def test_a_document_is_its_file_and_allows_no_other_origin(shared_ingress: IngressProcess, document: Document) -> None:
    """Byte for byte, with its type, and with headers that isolate the page."""
    answer = asked(shared_ingress, "GET", document.path)
    assert (answer.status_code, answer.content) == (200, (FOLDER / document.file).read_bytes())
    assert answer.headers["Content-Type"] == document.content_type
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.file)
def test_head_is_get_without_the_body(shared_ingress: IngressProcess, document: Document) -> None:
    """The same headers, including the length of the body."""
    whole, head = (asked(shared_ingress, method, document.path) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(whole.headers)


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_unchanged_document_is_answered_without_its_body(
    shared_ingress: IngressProcess, method: str, form: str
) -> None:
    """A copy is revalidated each time, and sent again only if it has changed."""
    whole = asked(shared_ingress, "GET", "/openapi.json")
    assert whole.headers["Cache-Control"] == "no-cache"
    answer = asked(shared_ingress, method, "/openapi.json", {"If-None-Match": form.format(whole.headers["ETag"])})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == whole.headers["ETag"]
    other = asked(shared_ingress, "GET", "/openapi.json", {"If-None-Match": '"0123456789abcdef"'})
    assert (other.status_code, other.content) == (200, whole.content)


def test_other_methods_and_other_files_are_refused(shared_ingress: IngressProcess) -> None:
    """405 with the allowed methods; only the named files of the folder are served."""
    answer = asked(shared_ingress, "POST", "/docs")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    for path in ("/docs.html", "/docs/../settings.py", "/docs/openapi.json", "/api/openapi.json"):
        assert asked(shared_ingress, "GET", path).status_code == 404


def test_the_description_is_json_of_openapi_3_1(shared_ingress: IngressProcess) -> None:
    """What tools read first."""
    document = json.loads(asked(shared_ingress, "GET", "/openapi.json").content)
    assert (document["openapi"], document["info"]["title"]) == ("3.1.0", "Tarifa")
