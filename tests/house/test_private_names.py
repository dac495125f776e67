"""The private names of libraries that we use: each is listed, exists, and is used in no other file.

A library may change them in any version. Then this test fails, instead of production.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NamedTuple

import pytest

from services.bus.wire.routed_client import RoutedClient

ROOT = Path(__file__).parents[2]
SHIPPED = ("services", "sandbox", "tarifa", "benchmarks", "deploy")
PUBLIC = {"_replace", "_fields", "_asdict", "_make"}  # of named tuples, and documented


class Use(NamedTuple):
    """A private name of ``owner``, a class or module of a library, and the only file that uses it."""

    owner: str
    name: str
    file: str


_CLIENT = "services/bus/wire/routed_client.py"
_PLAIN_PATH = "services/ingress/adapters/plain_path.py"
USES = [
    # Messages reach their receivers without a queue or task in between, and are sent together in one write.
    Use("nats.aio.client.Client", "_sid", _CLIENT),
    Use("nats.aio.client.Client", "_remove_sub", _CLIENT),
    Use("nats.aio.client.Client", "_pending", _CLIENT),
    Use("nats.aio.client.Client", "_pending_data_size", _CLIENT),
    Use("nats.aio.client.Client", "_process_connect_init", _CLIENT),
    Use("nats.aio.client.Client", "_transport", _CLIENT),
    Use("nats.aio.transport.TcpTransport", "_io_writer", _CLIENT),
    # A key that is in no file, a name look-up that can be cancelled, and never plain text where TLS is required.
    Use("nats.aio.client.Client", "_public_nkey", _CLIENT),
    Use("nats.aio.client.Client", "_connect_to_server", _CLIENT),
    Use("nats.aio.client.Client", "_process_info", _CLIENT),
    # A connection to a frozen server is closed at once, and nothing is sent later without its caller's knowledge.
    Use("nats.aio.client.Client", "_attempt_reconnect", _CLIENT),
    # Which process of nats-server it is, and whether it may hold the streams.
    Use("nats.aio.client.Client", "_server_info", _CLIENT),
    # Plain payments are read before Sanic, and answered as Sanic would.
    Use("sanic.http.Http", "_receive_more", _PLAIN_PATH),
    Use("sanic.server.protocols.http_protocol.HttpProtocol", "_can_write", _PLAIN_PATH),
    Use("sanic.server.protocols.http_protocol.HttpProtocol", "_time", _PLAIN_PATH),
    Use("sanic.request.Request", "_parsed_url", "services/ingress/adapters/strict_request.py"),
    # Advisories are requested as pip-audit does.
    Use("pip_audit", "_service", "deploy/advisories.py"),
]
# Undocumented methods that Sanic calls on its connection: if it no longer called one, nothing would fail visibly, and
# requests would be read less strictly.
REPLACED = {
    "sanic.http.Http": ("http1", "init_for_request", "read", "create_empty_request"),
    "sanic.server.protocols.http_protocol.HttpProtocol": (
        "HTTP_CLASS",
        "connection_made",
        "connection_lost",
        "data_received",
    ),
}


def is_private(name: str) -> bool:
    """Return whether a name is private by its form, so that the library may change it."""
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def defined_in(tree: ast.AST) -> set[str]:
    """Return the private names that a piece of code defines: functions, fields, attributes of ``self``."""
    return set(chain.from_iterable(defined_by(node) for node in ast.walk(tree)))


def defined_by(node: ast.AST) -> Iterator[str]:
    """Yield the private names that a statement defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            names = [name]
        case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
            names = [name]
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            names = [name]
        case _:
            names = []
    yield from filter(is_private, names)


def found(name: str) -> Any:
    """Return the class or module of a library by its full name."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(import_module(module), attribute)


def names_of(library: Any) -> set[str]:
    """Return the private names of a class, with inherited ones, or of a module."""
    if not isinstance(library, type):
        return set(filter(is_private, [*dir(library), *(module.name for module in iter_modules(library.__path__))]))
    bases = [base for base in library.__mro__ if base.__module__.split(".")[0] not in sys.stdlib_module_names]
    return set(filter(is_private, dir(library))).union(*map(assigned_in, bases))


def assigned_in(library: type) -> set[str]:
    """Return the private names that a class defines in its source; empty for one not written in Python."""
    try:
        source = inspect.getsource(library)
    except (OSError, TypeError):
        return set()
    return defined_in(ast.parse(textwrap.dedent(source)))


def libraries(tree: ast.Module) -> dict[str, str]:
    """Return what a file imports by name from libraries: full names by local name."""
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in imported
        if node.module and node.module.split(".")[0] not in {*SHIPPED, *sys.stdlib_module_names}
        for alias in node.names
    }


def used_in(text: str) -> set[str]:
    """Return the private names of libraries that a file uses."""
    tree = ast.parse(text)
    imported, ours = libraries(tree), defined_in(tree)
    used = {part for name in imported.values() for part in name.split(".") if is_private(part)}
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(bases=bases):
                theirs = [names_of(found(imported[base.id])) for base in bases if getattr(base, "id", "") in imported]
                names = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)} | defined_in(node)
                used |= names & set().union(*theirs)
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) if name not in ours:
                used |= {name}
            case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, ast.Constant(value=str(name)), *_]):
                used |= {name}
            case _:
                pass
    return set(filter(is_private, used))


@pytest.mark.parametrize(("owner", "name"), sorted({(use.owner, use.name) for use in USES}))
def test_a_private_name_that_is_used_exists(owner: str, name: str) -> None:
    """In the locked version of the library."""
    assert name in names_of(found(owner))


@pytest.mark.parametrize("folder", SHIPPED)
def test_no_other_private_name_is_used(folder: str) -> None:
    """Nor in another file, nor does a library now define a private name of one of our subclasses."""
    files = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / folder).rglob("*.py")}
    uses = {(name, file) for file, text in files.items() for name in used_in(text)}
    assert uses == {(use.name, use.file) for use in USES if use.file.startswith(f"{folder}/")}


@pytest.mark.parametrize("name", sorted({use.name for use in USES} & vars(RoutedClient).keys()))
def test_a_private_override_has_the_librarys_signature(name: str) -> None:
    """The library calls the override with its own arguments."""
    theirs, ours = (inspect.signature(getattr(one, name)) for one in (RoutedClient.__base__, RoutedClient))
    assert [*ours.parameters] == [*theirs.parameters]
    assert [each.default for each in ours.parameters.values()] == [each.default for each in theirs.parameters.values()]


@pytest.mark.parametrize("owner", REPLACED)
def test_replaced_names_exist(owner: str) -> None:
    """An override of a name that the library no longer has would never be called."""
    assert [name for name in REPLACED[owner] if not hasattr(found(owner), name)] == []


def test_each_kind_of_use_of_a_private_name_is_found() -> None:
    """By inheritance, on another object, by ``getattr``, by import; not those of named tuples, nor our own."""
    assert used_in(
        "from nats.aio.client import Client\n"
        "from pip_audit._service import X\n"
        "class A(Client):\n"
        "    def __init__(self):\n"
        "        self._sid = self._ours = 1\n"
        "    def _process_msg(self):\n"
        "        super()._process_err(self._ours)\n"
        "def f(a, b):\n"
        "    a._b(getattr(a, '_c', a._replace(x=a._ours)), b.d._e)\n"
    ) == {"_sid", "_process_msg", "_process_err", "_service", "_b", "_c", "_e"}
