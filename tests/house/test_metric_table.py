"""The table of metrics in docs/operations.md names each metric that the services have, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (*ROOT.glob("services/*/adapters/metrics.py"), *ROOT.glob("services/metrics/*.py"))
NAME = re.compile(r'"(tarifa_\w+)"')
BRACES = re.compile(r"(.*)\{(.*)\}(.*)")
INFO = {"tarifa_service": "tarifa_service_info"}  # prometheus_client adds the ending of an info metric


def in_the_code() -> set[str]:
    """Return the names that the code gives to metrics."""
    found = {name for path in SOURCES for name in NAME.findall(path.read_text(encoding="utf-8"))}
    return {INFO.get(name, name) for name in found}


def in_the_table() -> list[str]:
    """Return the names in the first column of the table; ``a_{b,c}`` is two."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    _, _, table = text.partition("| metric (`tarifa_...`) |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    short = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    return [f"tarifa_{name}" for each in short for name in _expanded(each)]


def _expanded(name: str) -> list[str]:
    braces = BRACES.fullmatch(name)
    return [name] if braces is None else [f"{braces[1]}{middle}{braces[3]}" for middle in braces[2].split(",")]


def test_the_table_names_each_metric_of_the_services_once() -> None:
    """A new metric gets its row, and a removed one leaves the table."""
    named = in_the_table()
    assert sorted(named) == sorted(in_the_code())
    assert len(named) > 50  # the table was found
