"""deploy.advisories against a local index: known advisories fail, and what the index does not know is reported."""

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pip_audit._service import PyPIService
from requests.adapters import HTTPAdapter

from deploy.advisories import Report, audit, lines_of
from deploy.dependencies import Package, project

ADVISORY = {
    "id": "PYSEC-2099-1",
    "aliases": ["CVE-2099-1"],
    "fixed_in": ["2.0"],
    "summary": "Reads what it should not.",
    "details": "",
    "withdrawn": None,
    "published": "2099-01-01T00:00:00Z",
}
WITHDRAWN = {**ADVISORY, "withdrawn": "2099-02-01T00:00:00Z"}


class LocalAdapter(HTTPAdapter):
    """Sends requests for the index to a local server."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
        """Send the request to the local server."""
        request.url = f"http://127.0.0.1:{self._port}{urlsplit(request.url).path}"
        return super().send(request, *arguments, **options)


class Index:
    """An index of packages, and pip-audit's own client of it. ``knows``: advisories by package and version."""

    def __init__(self, folder: Path, knows: Mapping[str, list[dict[str, Any]]], status: int = 200) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _, _, name, version, _ = self.path.split("/")
                known = knows.get(f"{name} {version}")
                self.send_response(404 if known is None else status)
                self.end_headers()
                self.wfile.write(json.dumps({"vulnerabilities": known}).encode())

            def log_message(self, *arguments: object) -> None:
                """Keep requests out of the test's output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client = PyPIService(folder / "cache", 10)
        self.client.session.mount("https://", LocalAdapter(self.server.server_port))

    def close(self) -> None:
        """Stop the server: connections are refused."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index with an advisory for one package, a withdrawn one for another, and none for a third."""
    made = Index(tmp_path, {"sanic 1.0": [ADVISORY], "httpx 1.0": [WITHDRAWN], "orjson 1.0": []})
    yield made
    made.client.session.close()
    made.close()


def package(name: str) -> Package:
    """Return a package as the lock names it."""
    return Package(name, "1.0", (), frozenset(), "MIT", is_shipped=True)


def test_an_advisory_is_reported(index: Index) -> None:
    """With the version that fixes it; a withdrawn one is not reported."""
    report = audit([package("httpx"), package("sanic")], {}, index.client)
    assert report.found == ["sanic 1.0: PYSEC-2099-1, fixed in 2.0: Reads what it should not."]
    assert lines_of(report)[0] == f"Advisory: {report.found[0]}"


@pytest.mark.parametrize("name", ["PYSEC-2099-1", "CVE-2099-1"])
def test_an_accepted_advisory_is_reported_with_the_reason(index: Index, name: str) -> None:
    """By any of its ids; it is no failure."""
    report = audit([package("sanic")], {name: "we read nothing"}, index.client)
    assert report.found == []
    assert report.accepted == ["sanic 1.0: PYSEC-2099-1, fixed in 2.0: Reads what it should not. (we read nothing)"]


def test_a_package_unknown_to_the_index_is_reported(index: Index) -> None:
    """It does not count as checked."""
    report = audit([package("orjson"), package("ours")], {}, index.client)
    assert (report.asked, report.unknown) == (1, ["ours"])
    assert lines_of(report)[0] == "Advisories NOT known: the index that this machine reaches has none about ours."


def test_an_index_without_advisories_is_reported(index: Index) -> None:
    """Nothing was checked, so nothing is reported as clean."""
    report = audit([package("ours"), package("theirs")], {}, index.client)
    assert lines_of(report) == [
        "Advisories NOT known: the index that this machine reaches has none about all 2 asked about."
    ]


def test_an_index_that_is_away_is_reported_after_the_first_request(index: Index) -> None:
    """The first request without an answer ends the check; earlier findings still count."""
    index.close()
    report = audit([package("sanic"), package("httpx")], {}, index.client)
    assert (report.asked, report.found, report.away) == (0, [], "ConnectionError at sanic")
    assert lines_of(report) == [
        "Advisories NOT asked for beyond 0 packages: the index does not answer (ConnectionError at sanic)."
    ]


def test_an_index_that_fails_is_reported_as_away(tmp_path: Path) -> None:
    """A 500 is not an empty list of advisories."""
    broken = Index(tmp_path, {"sanic 1.0": []}, status=500)
    assert audit([package("sanic")], {}, broken.client).away == "ServiceError at sanic"
    broken.close()


def test_what_was_found_before_the_index_went_away_counts() -> None:
    """Both are reported."""
    assert lines_of(Report(found=["x"], asked=1, away="Timeout at y"))[:2] == [
        "Advisory: x",
        "Advisories NOT asked for beyond 1 packages: the index does not answer (Timeout at y).",
    ]


def test_every_accepted_advisory_has_its_reason() -> None:
    """In pyproject.toml: why it does not concern us."""
    for reason in project()["tool"]["tarifa"]["advisories"].values():
        assert len(reason) > 10
