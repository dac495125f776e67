"""deploy.advisories against an index on this machine: what it knows fails, what it does not know is said."""

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


class ToHere(HTTPAdapter):
    """Sends to a server of this machine what is meant for the index."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
        """Send it."""
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
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client = PyPIService(folder / "cache", 10)
        self.client.session.mount("https://", ToHere(self.server.server_port))

    def close(self) -> None:
        """Stop answering: connections are refused."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """One that knows an advisory about one package, a withdrawn one about another, and nothing of a third."""
    made = Index(tmp_path, {"sanic 1.0": [ADVISORY], "httpx 1.0": [WITHDRAWN], "orjson 1.0": []})
    yield made
    made.client.session.close()
    made.close()


def package(name: str) -> Package:
    """Return a package of the lock."""
    return Package(name, "1.0", (), frozenset(), "MIT", is_shipped=True)


def test_an_advisory_is_found_and_told(index: Index) -> None:
    """With what fixes it; one that was withdrawn is none."""
    report = audit([package("httpx"), package("sanic")], {}, index.client)
    assert report.found == ["sanic 1.0: PYSEC-2099-1, fixed in 2.0: Reads what it should not."]
    assert lines_of(report)[0] == f"Advisory: {report.found[0]}"


@pytest.mark.parametrize("name", ["PYSEC-2099-1", "CVE-2099-1"])
def test_an_advisory_that_does_not_concern_us_is_told_with_the_reason(index: Index, name: str) -> None:
    """By any of its ids; it fails nothing."""
    report = audit([package("sanic")], {name: "we read nothing"}, index.client)
    assert report.found == []
    assert report.accepted == ["sanic 1.0: PYSEC-2099-1, fixed in 2.0: Reads what it should not. (we read nothing)"]


def test_a_package_that_the_index_does_not_know_is_said(index: Index) -> None:
    """It is not counted as asked about."""
    report = audit([package("orjson"), package("ours")], {}, index.client)
    assert (report.asked, report.unknown) == (1, ["ours"])
    assert lines_of(report)[0] == "Advisories NOT known: the index that this machine reaches has none about ours."


def test_an_index_without_advisories_is_said(index: Index) -> None:
    """Nothing was asked, so nothing is said to be clean."""
    report = audit([package("ours"), package("theirs")], {}, index.client)
    assert lines_of(report) == [
        "Advisories NOT known: the index that this machine reaches has none about all 2 asked about."
    ]


def test_no_index_is_said_and_nobody_waits_for_each_package(index: Index) -> None:
    """The first that is not answered ends it; what was found before still counts."""
    index.close()
    report = audit([package("sanic"), package("httpx")], {}, index.client)
    assert (report.asked, report.found, report.away) == (0, [], "ConnectionError at sanic")
    assert lines_of(report) == [
        "Advisories NOT asked for beyond 0 packages: the index does not answer (ConnectionError at sanic)."
    ]


def test_an_index_in_trouble_is_no_clean_one(tmp_path: Path) -> None:
    """What it answers then is no list of advisories."""
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
    """Pyproject.toml says why it does not concern us."""
    for reason in project()["tool"]["tarifa"]["advisories"].values():
        assert len(reason) > 10
