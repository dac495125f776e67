"""The one version number of all that is here: that of pyproject.toml, which the image has too.

Installed from a wheel there is no such file, and the wheel's own metadata says the same.
"""

import tomllib
from importlib.metadata import version
from pathlib import Path

_PROJECT = Path(__file__).parents[1] / "pyproject.toml"

VERSION: str = (
    tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["version"] if _PROJECT.exists() else version("tarifa")
)
