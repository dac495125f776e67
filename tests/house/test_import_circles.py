"""No module imports itself by way of others: any of them can be read, tested and moved after those that it imports."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("services", "sandbox", "tarifa", "benchmarks", "deploy")


def imports_in_order(imports: dict[str, set[str]]) -> list[str]:
    """Return the modules, each after those that it imports. Raises CycleError, which has the circle."""
    return list(TopologicalSorter(imports).static_order())


def test_there_is_no_circle_of_imports() -> None:
    """Imports inside functions and of types alone count too."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    assert imports_in_order({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})


def test_a_circle_is_found() -> None:
    """Also one of three."""
    with pytest.raises(CycleError):
        imports_in_order({"a": {"b"}, "b": {"c"}, "c": {"a"}})
