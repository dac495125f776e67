"""No file has more than 250 lines and no function more than 40."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("services", "sandbox", "tarifa", "benchmarks", "deploy")
FILE_LINES_MAX = 250
FUNCTION_LINES_MAX = 40


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
    """A longer one hides more than one idea."""
    assert long_files(folder) == {}


@pytest.mark.parametrize("folder", SHIPPED)
def test_no_function_is_longer_than_allowed(folder: str) -> None:
    """Tests are excepted: they are read from top to bottom."""
    assert long_functions(folder) == {}


def test_lines_are_counted_for_each_function() -> None:
    """For methods and nested functions too; a decorator does not count."""
    text = "class A:\n    @x\n    def b(self):\n        def c():\n            pass\n\n\nasync def d():\n    pass\n"
    assert functions(text) == {"A.b": 3, "A.b.c": 2, "d": 2}
