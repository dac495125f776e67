"""The page's files: safe, cached by their content, and nothing else is served."""

import httpx
import pytest

from services.ingress.adapters.page import DOCUMENTS, FOLDER
from tests.integration.ingress.ingress_process import IngressProcess
from tests.nats_server import PATIENCE_S

FILES = {document.path: document.content_type for document in DOCUMENTS}
ICON = "/favicon.ico"


def ask(ingress: IngressProcess, method: str, path: str, **headers: str) -> httpx.Response:
    """Return an answer."""
    return httpx.request(method, ingress.url + path, headers=headers, timeout=PATIENCE_S, trust_env=False)


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_served_with_its_type_and_allows_no_other_origin(
    shared_ingress: IngressProcess, path: str
) -> None:
    """A page that shows money runs only our own scripts, and sends nothing to other origins."""
    answer = ask(shared_ingress, "GET", path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, FILES[path])
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", FILES)
def test_no_file_has_inline_script_or_style_or_names_another_host(shared_ingress: IngressProcess, path: str) -> None:
    """What the policy forbids is not tried either."""
    text = ask(shared_ingress, "GET", path).text.replace("http://www.w3.org/2000/svg", "")
    assert "://" not in text
    assert "<style" not in text
    assert " style=" not in text
    assert "javascript:" not in text
    assert "onclick" not in text


@pytest.mark.parametrize("path", FILES)
def test_head_has_the_headers_of_get_and_no_body(shared_ingress: IngressProcess, path: str) -> None:
    """Also on one connection with the next request."""
    whole = ask(shared_ingress, "GET", path)
    with httpx.Client(base_url=shared_ingress.url, timeout=PATIENCE_S, trust_env=False) as client:
        head = client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert client.get("/healthz").status_code == 200
    for name in ("content-length", "content-type", "etag", "content-security-policy", "cache-control"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("path", FILES)
def test_an_unchanged_file_is_not_sent_again(shared_ingress: IngressProcess, path: str) -> None:
    """304 for the same content, however a cache changed the tag; the whole file for another tag."""
    first = ask(shared_ingress, "GET", path)
    tag = first.headers["etag"]
    for said in (tag, f"W/{tag}", f'"other", {tag}'):
        again = ask(shared_ingress, "GET", path, **{"If-None-Match": said})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert ask(shared_ingress, "GET", path, **{"If-None-Match": '"other"'}).content == first.content


@pytest.mark.parametrize("path", FILES)
def test_pages_are_revalidated_each_time_and_the_icon_once_a_day(shared_ingress: IngressProcess, path: str) -> None:
    """An upgrade shows at once; an outdated icon does no harm."""
    expected = "public, max-age=86400" if path == ICON else "no-cache"
    assert ask(shared_ingress, "GET", path).headers["cache-control"] == expected


def test_the_icon_is_the_file_as_it_is_shipped(shared_ingress: IngressProcess) -> None:
    """In the format of its name, which browsers request by themselves."""
    body = ask(shared_ingress, "GET", ICON).content
    assert body == (FOLDER / "favicon.ico").read_bytes()
    assert body[:4] == b"\x00\x00\x01\x00"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/index.html", 404),
        ("GET", "/page", 404),
        ("GET", "/page/", 404),
        ("GET", "/page.css/../page.py", 404),
        ("POST", "/", 405),
        ("PUT", "/page.js", 405),
        ("POST", "/events", 405),
    ],
)
def test_other_paths_and_methods_stay_errors_as_json(
    shared_ingress: IngressProcess, method: str, path: str, status: int
) -> None:
    """The page has not opened anything else."""
    answer = ask(shared_ingress, method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "detail"}


@pytest.mark.parametrize("path", ["/page.css/", "/?x=1", "/page.js?v=2"])
def test_an_extra_slash_or_query_does_no_harm(shared_ingress: IngressProcess, path: str) -> None:
    """The same file, and never a fault."""
    assert ask(shared_ingress, "GET", path).status_code == 200
    assert "ingress.fault" not in shared_ingress.events()
