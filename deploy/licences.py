"""``python -m deploy.licences``: writes docs/licences.md, under what each dependency is licensed; a test compares."""

import argparse
import sys
from collections.abc import Iterable, Sequence

from deploy.dependencies import ROOT, Image, Package, UnknownLicenceError, images, may_be_used, packages, project

FILE = ROOT / "docs/licences.md"
HEAD = """# Licences of what Tarifa is built from

Made by `make licences` from requirements.lock, the packages' own metadata and pyproject.toml
(`tool.tarifa.licences`), as SPDX expressions. A licence that is not allowed there, or that no program
can read and nobody has read, fails a test. `make sbom` writes what is shipped as a bill of materials.
"""
SECTIONS = (
    ("In the image", True, "Shipped: `deploy/runtime_lock.py` takes these from the lock."),
    ("Beside it", False, "Programs of the workshop: they build, test and measure, and no part of them is shipped."),
)


def page(all_packages: Iterable[Package], all_images: Iterable[Image]) -> str:
    """Return the page's text."""
    text = HEAD
    known = list(all_packages)
    for title, is_shipped, about in SECTIONS:
        rows = [(one.name, one.version, one.licence) for one in known if one.is_shipped == is_shipped]
        text += f"\n## {title}\n\n{about}\n\n{_table('package', rows)}"
    rows = [(one.name, one.tag, one.licence) for one in all_images]
    about = "By others, named by tag; the licence is that of the program that each is for."
    return f"{text}\n## Images\n\n{about}\n\n{_table('image', rows)}"


def not_allowed(all_packages: Iterable[Package]) -> list[str]:
    """Return the packages that may not be used under the licences that pyproject.toml allows, each with its licence."""
    licences = project()["tool"]["tarifa"]["licences"]
    shipped = frozenset(licences["allowed"])
    beside = shipped | frozenset(licences["allowed_beside"])
    return [
        f"{one.name} ({one.licence})"
        for one in all_packages
        if not may_be_used(one.licence, shipped if one.is_shipped else beside)
    ]


def _table(what: str, rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| {what} | version | licence |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page; return 0, or 1 with a sentence where a licence is not known or not allowed."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.licences",
        description="Writes docs/licences.md; fails if the licence of a dependency is not known or not allowed.",
    )
    parser.parse_args(arguments)
    try:
        known = packages()
        text = page(known, images())
    except UnknownLicenceError as error:
        print(error, file=sys.stderr)
        return 1
    FILE.write_text(text, encoding="utf-8")
    wrong = not_allowed(known)
    for one in wrong:
        print(f"not under a licence that tool.tarifa.licences in pyproject.toml allows: {one}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
