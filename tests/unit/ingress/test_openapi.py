"""The description against the code: every route and method, and every slug that an answer can have."""

import ast
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from sanic import Sanic

from services.contracts.releasing import Why
from services.ingress.adapters import openapi_file
from services.ingress.adapters.documents import DOCUMENTS, FOLDER
from services.ingress.adapters.http_answers import _SLUGS
from services.ingress.adapters.http_api import http_app
from services.ingress.adapters.http_guard import NEEDS, HttpGuard, need_of
from services.ingress.adapters.http_history import add_history
from services.ingress.adapters.http_listing import add_listing
from services.ingress.adapters.operating_api import add_operating
from services.ingress.adapters.page import DOCUMENTS as PAGE
from services.ingress.adapters.page import add_page
from services.ingress.adapters.releasing_api import add_releasing
from services.ingress.adapters.sign_in import add_sign_in
from services.ingress.core.guard import Access, Guard
from services.ingress.core.meter import Meter
from services.ingress.core.preferences import PROBLEM
from services.ingress.core.problem import title_of, type_of

ROOT = Path(__file__).parents[3]
INGRESS = ROOT / "services" / "ingress"
OPENAPI: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text())

# The files of pages: not calls of the API.
PARTS_OF_PAGES = {"/docs.css", "/docs.js", "/sign-in", "/sign-out"}
PARTS_OF_PAGES |= {document.path for document in PAGE if document.path != "/"}
# By the name of the function: which argument is the slug.
SLUG_ARGUMENTS = {"Rejected": 1, "TryLater": 0, "error": 1, "_bad": 0, "Denied": 1}


class NoFlow:
    """Routes are only inspected: none is called."""


def routes(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Return the application's methods and paths, as the description writes them."""
    monkeypatch.setattr(Sanic, "_app_registry", {})  # another test of this process may have one of that name
    meter = Meter()
    guard = HttpGuard(Guard(Access.OPEN), meter)
    app = http_app(NoFlow(), NoFlow(), meter, guard, processor_names=[])  # type: ignore[arg-type]
    add_listing(app, NoFlow(), NoFlow())  # type: ignore[arg-type]
    add_history(app, NoFlow())  # type: ignore[arg-type]
    add_operating(app, NoFlow(), allow_purge=False)  # type: ignore[arg-type]
    add_releasing(app, NoFlow())  # type: ignore[arg-type]
    add_page(app, NoFlow(), guard)  # type: ignore[arg-type]
    add_sign_in(app, guard)
    guard.install(app)
    assert {need_of(route) for route in app.router.routes} == set(NEEDS)
    return {
        (method.lower(), "/" + re.sub(r"<(?:\w+_)?(\w+)(?::\w+)?>", r"{\1}", route.path))
        for route in app.router.routes
        for method in route.methods
    }


def slugs_of_the_code() -> set[str]:
    """Return every slug that a call in ingress names, including those of Sanic's own errors."""
    found = {*_SLUGS.values(), "bad_request", *get_args(Why)}
    for path in INGRESS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                found |= slug_of(node)
    return found


def slug_of(call: ast.Call) -> set[str]:
    """Return the slug that a call names, if it does."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    place = SLUG_ARGUMENTS.get(name)
    if place is None or len(call.args) <= place:
        return set()
    argument = call.args[place]
    is_slug = isinstance(argument, ast.Constant) and re.fullmatch("[a-z_]+", str(argument.value))
    return {str(argument.value)} if is_slug and isinstance(argument, ast.Constant) else set()


def slugs_of_the_balancer() -> set[tuple[str, str]]:
    """Return statuses and slugs that nginx.conf answers with."""
    return set(re.findall(r'return (\d+) \'\{\$problem"error": "(\w+)"', (ROOT / "nginx.conf").read_text()))


def described_slugs() -> dict[str, set[str]]:
    """Return the slugs of each response by its name in the description."""
    responses = OPENAPI["components"]["responses"]
    schemas = {name: said["content"]["application/json"]["schema"] for name, said in responses.items()}
    return {name: set(schema["allOf"][1]["properties"]["error"]["enum"]) for name, schema in schemas.items()}


def test_the_fields_of_a_settlement_are_described_as_the_code_has_them() -> None:
    """``make schemas`` writes them; a client may refuse an answer with a field that is not described."""
    text = openapi_file.FILE.read_text()
    assert openapi_file.described(text) == text
    old = json.loads(text)
    for name in ("Standing", "Life", "Listed"):
        properties = old["components"]["schemas"][name]["properties"]
        properties["bookedAt"] = {}
        del properties["requestedAt"]
    old["components"]["schemas"]["Life"]["properties"]["waitingFor"] = {}
    del old["components"]["schemas"]["Listed"]["properties"]["waitingFor"]  # both as in Standing
    assert json.loads(openapi_file.described(json.dumps(old))) == OPENAPI


def test_every_route_is_described_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A route without a description, or a description without a route, misleads its reader."""
    described = {(method, path) for path, methods in OPENAPI["paths"].items() for method in methods}
    assert {route for route in routes(monkeypatch) if route[1] not in PARTS_OF_PAGES} == described


def test_every_slug_is_described_and_no_other() -> None:
    """Programs use the slug: the enums are those that the code and the balancer can send."""
    said = slugs_of_the_code() | {slug for _, slug in slugs_of_the_balancer()}
    assert set().union(*described_slugs().values()) == said
    assert set(OPENAPI["x-errors"]) == said
    assert list(OPENAPI["x-errors"]) == sorted(said)


def test_every_error_is_described_in_both_forms() -> None:
    """As problem details too; a type is the address of a slug that the page describes, and titles are words."""
    for name, said in OPENAPI["components"]["responses"].items():
        assert set(said["content"]) == {"application/json", PROBLEM}, name
    schema = OPENAPI["components"]["schemas"]["Problem"]
    for slug in OPENAPI["x-errors"]:
        assert re.fullmatch(schema["properties"]["type"]["pattern"], type_of(slug))
        assert re.fullmatch(r"[A-Z][A-Za-z]*( [A-Za-z]+)*", title_of(slug))
    (example,) = schema["examples"]
    assert set(example) == set(schema["required"]) == set(schema["properties"])
    slug = example["error"]
    assert (example["type"], example["title"]) == (type_of(slug), title_of(slug))
    assert title_of("not_json_type") == "Not JSON type"


def test_the_balancers_errors_are_described_for_every_call() -> None:
    """Nginx may answer any call by itself."""
    by_name = described_slugs()
    for methods in OPENAPI["paths"].values():
        for operation in methods.values():
            for status, slug in slugs_of_the_balancer() - {("404", "no_such_route")}:
                name = operation["responses"][status]["$ref"].rpartition("/")[2]
                assert slug in by_name[name], (operation["operationId"], status)


def test_the_balancer_names_types_and_titles_as_ingress_does() -> None:
    """Each of its errors has its first members as problem details, under the path that it has there."""
    conf = (ROOT / "nginx.conf").read_text()
    written = re.findall(r"^ +/\.balancer/(\w+)\.problem '(.+), ';$", conf, re.MULTILINE)
    said = {slug: json.loads(f"{{{members}}}") for slug, members in written}
    assert said == {
        slug: {"type": type_of(slug), "title": title_of(slug), "status": int(status)}
        for status, slug in slugs_of_the_balancer()
    }


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    """A component without a reference describes nothing."""
    text = json.dumps(OPENAPI)
    used = set(re.findall(r'"\$ref": "#/components/(\w+/\w+)"', text))
    used |= {
        f"securitySchemes/{name}"
        for methods in OPENAPI["paths"].values()
        for operation in methods.values()
        for one_way in operation.get("security", [])
        for name in one_way
    }
    there = {f"{kind}/{name}" for kind, named in OPENAPI["components"].items() for name in named}
    assert used == there


def test_every_example_of_an_error_has_a_slug_of_its_own() -> None:
    """An example that does not match the schema would mislead."""
    slugs = described_slugs()
    for name, said in OPENAPI["components"]["responses"].items():
        assert said["content"]["application/json"]["example"]["error"] in slugs[name]


def test_the_page_loads_nothing_from_other_origins() -> None:
    """No address of another host, no script or style within the page: its content security policy allows neither."""
    for document in DOCUMENTS:
        if document.file != "openapi.json":  # which is shown as text: the URL of a processor in an example
            assert not re.search(r"https?://", (FOLDER / document.file).read_text()), document.file
    page = (FOLDER / "docs.html").read_text()
    assert not re.search(r"<style|style=|<script(?![^>]* src=\"/)|\son\w+=", page)
    assert {document.file for document in DOCUMENTS} == {path.name for path in FOLDER.iterdir()}
