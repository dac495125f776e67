"""The rules of CONTRIBUTING.md that a test can check."""

import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import services
from services.contracts.schema_files import FOLDER, schemas
from services.version import VERSION

ROOT = Path(services.__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
OURS = ("services", "sandbox", "tarifa", "tests")
VAGUE = {"utils", "util", "common", "helpers", "helper", "shared", "misc"}
MODULES = sorted(module.name for module in pkgutil.walk_packages(services.__path__, "services."))
SOCKETS = """
import socket, sys
def refuse(*arguments, **options):
    raise AssertionError(f"a connection at import: {arguments}")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse
"""


def test_imports_point_inward() -> None:
    """Services import the bus, the bus the contracts; cores are pure; only the bus imports nats."""
    done = subprocess.run(
        [PROGRAMS / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_schemas_are_those_of_the_code() -> None:
    """``make schemas`` writes the files after a change of events."""
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == schemas()


def test_no_name_is_vague() -> None:
    """A module that is hard to name has no single purpose."""
    named = [path for folder in OURS for path in (ROOT / folder).rglob("*") if path.is_dir() or path.suffix == ".py"]
    assert [path for path in named if path.stem in VAGUE] == []


def test_the_lock_has_hashes_and_no_index() -> None:
    """The same bytes everywhere, from any index that a machine is configured with."""
    text = (ROOT / "requirements.lock").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    requirements = re.split(r"\n(?=\S)", "\n".join(lines).strip())
    assert len(requirements) > 10
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+==\S+ \\\n", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement
    assert "://" not in "\n".join(lines)
    assert not re.search(r"--(extra-|trusted-)?(index-url|host|find-links)", text.replace("--no-emit-", ""))


def test_every_module_imports_without_connecting() -> None:
    """Only ``__main__`` opens connections, when it runs."""
    program = SOCKETS + "".join(f"import {name}\n" for name in MODULES)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_docstring(name: str) -> None:
    """The docstring is the first thing that a reader sees."""
    path = ROOT.joinpath(*name.split("."))
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    assert source.startswith('"""'), name


INSECURE = '''"""Planted."""
import pickle, hashlib, subprocess, ssl
eval(x); exec(x); pickle.loads(x); hashlib.md5(x); subprocess.call(x, shell=True); ssl._create_unverified_context()
password = "secret"; sql = "SELECT * FROM t WHERE a = '%s'" % x
'''


@pytest.mark.parametrize("folder", ["services", "tarifa", "deploy"])
def test_the_linter_finds_insecure_code(folder: str) -> None:
    """Ruff's S rules, which are bandit's, are on for what is shipped."""
    command = [
        PROGRAMS / "ruff",
        "check",
        "--output-format",
        "concise",
        "--stdin-filename",
        f"{folder}/planted.py",
        "-",
    ]
    done = subprocess.run(command, input=INSECURE, cwd=ROOT, capture_output=True, text=True, check=False)
    found = set(re.findall(r" (S\d+) ", done.stdout))
    assert found >= {"S102", "S105", "S301", "S307", "S323", "S324", "S602", "S608"}


def test_a_silenced_security_rule_has_a_reason() -> None:
    """On the same line, after the rules of the ``noqa``."""
    for folder in ("services", "tarifa", "deploy"):
        for path in (ROOT / folder).rglob("*.py"):
            for line in path.read_text().splitlines():
                silenced = re.search(r"# noqa: [A-Z0-9, ]*\bS\d+\b[A-Z0-9, ]*(.*)", line)
                assert silenced is None or re.match(r"# \w", silenced[1]), f"{path}: {line}"


def test_what_security_md_names_exists() -> None:
    """Tests, files, and sections of other documents, so that no promise loses its proof unnoticed."""
    text = (ROOT / "SECURITY.md").read_text()
    named = set(re.findall(r"`((?:tests|deploy|docs)/[\w./-]+|[\w.-]+\.(?:yml|lock)|Dockerfile)`", text))
    links = re.findall(r"\]\(([\w./-]+)(?:#([\w-]+))?\)", text)
    assert len(named) > 10
    assert [name for name in named | {file for file, _ in links} if not (ROOT / name).exists()] == []
    for file, section in links:
        headings = re.findall(r"^#+ (.*)$", (ROOT / file).read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not section or section in slugs, f"{file}#{section}"


def test_there_is_one_version_number() -> None:
    """That of pyproject.toml: NATS, Prometheus, the command line and the API's description report it."""
    described = json.loads((ROOT / "services" / "ingress" / "api" / "openapi.json").read_text())
    assert described["info"]["version"] == VERSION
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    command = [PROGRAMS / "python", "-m", "tarifa", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"tarifa {VERSION}\n")
    written = [
        path
        for folder in ("services", "tarifa", "sandbox")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r'version\w* *[:=] *"\d+\.\d+\.\d+"', path.read_text(), re.IGNORECASE)
    ]
    assert written == []


@pytest.mark.parametrize("path", sorted((ROOT / "tests/unit").glob("*/test_*.py")), ids=lambda path: path.stem)
def test_unit_tests_are_in_the_folder_of_what_they_test(path: Path) -> None:
    """tests/unit/X has the tests of services/X, or of tarifa."""
    folder = path.parent.name
    packages = (f"services.{folder}", f"tests.unit.{folder}") if (ROOT / "services" / folder).is_dir() else (folder,)
    assert any(re.search(rf"^(from|import) {re.escape(name)}\b", path.read_text(), re.MULTILINE) for name in packages)
