#!/usr/bin/env python3
"""Prints the part of requirements.lock that the services need at run time: ``runtime_lock.py pyproject.toml LOCK``.

One lock serves the workshop and the image. pip-compile writes under each package who asked for it ("via"); followed
from the dependencies that pyproject.toml names, these lines lead to everything that runs and to nothing that only
tests. The blocks are copied as they are, hashes included, so that pip can still be made to accept nothing else.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path


def names(pyproject: str) -> set[str]:
    """Return the names of the runtime dependencies, spelled as in the lock."""
    dependencies = tomllib.loads(pyproject)["project"]["dependencies"]
    return {_spelled(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]) for text in dependencies}


def blocks(lock: str) -> dict[str, str]:
    """Return each package's lines of the lock, hashes included, by its name."""
    parts = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return {_spelled(part.partition("==")[0]): part for part in parts if not part.startswith("#")}


def needed(wanted: set[str], packages: dict[str, str]) -> set[str]:
    """Return the wanted packages with everything that they ask for, and what that asks for.

    Raises:
        KeyError: the lock lacks one of them; ``make lock`` was forgotten.
    """
    found: set[str] = set()
    while found != wanted:
        found = {name for name in wanted if packages[name]}
        wanted = found | {name for name, block in packages.items() if askers(block) & found}
    return found


def askers(block: str) -> set[str]:
    """Return who asked for the package of these lines."""
    comment = block.partition("# via")[2]
    return {_spelled(word) for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", comment)}


def _spelled(name: str) -> str:
    return re.sub(r"[._-]+", "-", name).lower()


def main(arguments: Sequence[str]) -> None:
    """Print the blocks, in the lock's order."""
    parser = argparse.ArgumentParser(
        prog="runtime_lock.py",
        description="Prints the part of requirements.lock that the services need at run time.",
    )
    parser.add_argument("pyproject", type=Path, metavar="PYPROJECT", help="pyproject.toml, with the dependencies")
    parser.add_argument("lock", type=Path, metavar="LOCK", help="requirements.lock, with hashes")
    given = parser.parse_args(arguments)
    packages = blocks(given.lock.read_text(encoding="utf-8"))
    chosen = needed(names(given.pyproject.read_text(encoding="utf-8")), packages)
    sys.stdout.writelines(block for name, block in packages.items() if name in chosen)


if __name__ == "__main__":
    main(sys.argv[1:])
