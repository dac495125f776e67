"""What Tarifa is built from, read from the repository: the locked packages, and the images that compose files name.

A package's licence is what its own metadata says, as an SPDX expression; where no program can read that, a person has
read the licence, and pyproject.toml has it (``tool.tarifa.licences.read``).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from license_expression import ExpressionError, LicenseSymbol, get_spdx_licensing

from deploy.runtime_lock import askers, blocks, names, needed

ROOT = Path(__file__).parents[1]
SPDX = get_spdx_licensing()
# The classifiers that name one licence: "BSD License" is three.
BY_CLASSIFIER = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


class UnknownLicenceError(Exception):
    """The licence of a package or an image is not known; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the lock. ``hashes``: SHA-256 of each file that pip accepts; ``needs``: names of other packages."""

    name: str
    version: str
    hashes: tuple[str, ...]
    needs: frozenset[str]
    licence: str
    is_shipped: bool


@dataclass(frozen=True, slots=True)
class Image:
    """An image by others that Tarifa runs on or beside. ``is_shipped``: the backend cannot run without it."""

    name: str
    tag: str
    licence: str
    is_shipped: bool


def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages() -> list[Package]:
    """Return the lock's packages by name; they are installed, or ``make`` has not been run.

    Raises:
        UnknownLicenceError: a licence is not known.
    """
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    locked = blocks((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    shipped = needed(names(text), locked)
    read = project()["tool"]["tarifa"]["licences"]["read"]
    return [
        Package(
            name=name,
            version=block.partition("==")[2].split()[0],
            hashes=tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block)),
            needs=frozenset(other for other, theirs in locked.items() if name in askers(theirs)),
            licence=licence_of(name, read),
            is_shipped=name in shipped,
        )
        for name, block in sorted(locked.items())
    ]


def direct() -> set[str]:
    """Return the names of the packages that pyproject.toml asks for at run time."""
    return names((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def images() -> list[Image]:
    """Return the images that the Dockerfile and the compose files name and that are not built here, by name.

    Raises:
        UnknownLicenceError: a licence is not known.
    """
    backend = _images_in("Dockerfile") | _images_in("docker-compose.yml")
    every = backend.union(*(_images_in(path.name) for path in ROOT.glob("docker-compose.*.yml")))
    stated = project()["tool"]["tarifa"]["licences"]["images"]
    found = []
    for image in sorted(every):
        name, _, tag = image.rpartition(":")
        if name not in stated:
            raise UnknownLicenceError(
                f"the image {name}: say its licence in pyproject.toml, tool.tarifa.licences.images"
            )
        found.append(Image(name, tag, str(stated[name]), is_shipped=image in backend))
    return found


def licence_of(name: str, read: Mapping[str, str]) -> str:
    """Return a package's licence as an SPDX expression. ``read``: what a person has read, which goes first.

    Raises:
        UnknownLicenceError: its metadata says none that can be read.
    """
    if name in read:
        return read[name]
    said = metadata(name)
    for key in ("License-Expression", "License"):
        if key in said and is_spdx(said[key]):
            return str(SPDX.parse(said[key]))
    classifiers = [one for one in said.get_all("Classifier") or () if one.startswith("License ::")]
    if len(classifiers) == 1 and classifiers[0] in BY_CLASSIFIER:
        return BY_CLASSIFIER[classifiers[0]]
    raise UnknownLicenceError(
        f"the package {name} does not say its licence so that a program can read it: read it, and say it in "
        "pyproject.toml, tool.tarifa.licences.read"
    )


def is_spdx(text: str) -> bool:
    """Whether this is an SPDX expression, each licence spelled as SPDX spells it."""
    try:
        parsed = SPDX.parse(text, validate=True, strict=True)
    except ExpressionError:
        return False
    return parsed is not None and {symbol.key for symbol in parsed.symbols} == set(re.findall(r"[\w.+-]+", text)) - {
        *("AND", "OR", "WITH"),
    }


def may_be_used(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression lets us have a package under allowed licences only: all of an AND, one of an OR."""
    parsed = SPDX.parse(expression, validate=True, strict=True)
    return bool(_holds(parsed, allowed))


def _holds(parsed: Any, allowed: frozenset[str]) -> bool:
    if isinstance(parsed, LicenseSymbol):
        return parsed.key in allowed
    if isinstance(parsed, SPDX.AND):
        return all(_holds(part, allowed) for part in parsed.args)
    if isinstance(parsed, SPDX.OR):
        return any(_holds(part, allowed) for part in parsed.args)
    return str(parsed) in allowed  # a licence WITH an exception, by its whole name


def _images_in(file: str) -> set[str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return set(re.findall(r"^(?:FROM|\s+image:) +([a-z/.-]+:[\w.-]+)", text, re.MULTILINE))
