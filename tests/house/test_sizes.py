"""No file has more than 250 lines and no function more than 40; exceptions are listed, and may only shrink."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("services", "sandbox", "tarifa", "benchmarks", "deploy")
FILE_LINES_MAX = 250
FUNCTION_LINES_MAX = 40

# To be split, each with its present size as a ceiling. When one gets shorter, lower its ceiling or remove its line.
FILES = {
    "services/dispatcher/core/traffic.py": 252,
}
FUNCTIONS = {
    "services/dispatcher/__main__.py:_settle": 110,
    "services/dispatcher/flow/attempting.py:Attempting._attempt": 45,
    "services/dispatcher/flow/dispatching.py:Dispatching.__init__": 69,
}


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of every Python file in the folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def long_files(*folders: str) -> dict[str, int]:
    """Return the files with more lines than allowed, with their length."""
    sizes = {path: len(text.splitlines()) for path, text in sources(*folders)}
    return {path: size for path, size in sizes.items() if size > FILE_LINES_MAX}


def functions(text: str) -> dict[str, int]:
    """Return the lines of each function, from ``def`` to its end, by its qualified name."""
    sizes: dict[str, int] = {}

    def visit(node: ast.AST, within: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = within
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{within}.{child.name}".lstrip(".")
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                assert child.end_lineno is not None
                sizes[name] = max(sizes.get(name, 0), child.end_lineno - child.lineno + 1)
            visit(child, name)

    visit(ast.parse(text), "")
    return sizes


def long_functions(*folders: str) -> dict[str, int]:
    """Return the functions with more lines than allowed, with their length."""
    return {
        f"{path}:{name}": size
        for path, text in sources(*folders)
        for name, size in functions(text).items()
        if size > FUNCTION_LINES_MAX
    }


@pytest.mark.parametrize("folder", [*SHIPPED, "tests"])
def test_no_file_is_longer_than_allowed(folder: str) -> None:
    """A longer one has more than one purpose."""
    listed = {path: size for path, size in FILES.items() if path.startswith(f"{folder}/")}
    assert_listed(long_files(folder), listed)


@pytest.mark.parametrize("folder", SHIPPED)
def test_no_function_is_longer_than_allowed(folder: str) -> None:
    """Except for tests, which are read from top to bottom."""
    listed = {name: size for name, size in FUNCTIONS.items() if name.startswith(f"{folder}/")}
    assert_listed(long_functions(folder), listed)


def assert_listed(found: dict[str, int], listed: dict[str, int]) -> None:
    """Assert that what is too long is listed and has not grown, and that nothing listed is shorter now."""
    grown = {name: size for name, size in found.items() if size > listed.get(name, 0)}
    assert not grown, "too long: split it"
    assert not {name for name in listed if listed[name] > found.get(name, 0)}, "shorter now: lower its ceiling"


def test_lines_are_counted_for_each_function() -> None:
    """For methods and nested functions too; a decorator does not count."""
    text = "class A:\n    @x\n    def b(self):\n        def c():\n            pass\n\n\nasync def d():\n    pass\n"
    assert functions(text) == {"A.b": 3, "A.b.c": 2, "d": 2}
