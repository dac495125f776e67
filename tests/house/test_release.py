"""Releases: reproducible bytes, and the command `tarifa` after installation, without a checkout."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from deploy.dependencies import ROOT
from deploy.release import build, digests
from services.version import VERSION

EPOCH_S = 1_764_000_000
DATA = ("api/openapi.json", "api/docs.html", "page/index.html", "page/page.js", "page/sign-in.html")


def copy_of_the_tree(folder: Path) -> Path:
    """Return what would be released once all is committed: a copy of the tree."""
    folder.mkdir()
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607  # the user's git
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\n")  # fmt: skip
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith((".venv", "tests/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
            (folder / name).chmod(0o644)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two releases of one tree, made in different folders at different times."""
    made = []
    for name in ("first", "second"):
        folder = tmp_path_factory.mktemp(name)
        (folder / "built").mkdir()
        source = copy_of_the_tree(folder / f"source-{name}")
        for path in source.rglob("*"):
            os.utime(path, (1_700_000_000 + len(made), 1_700_000_000 + len(made)))
        build(source, folder / "built", EPOCH_S)
        made.append(folder / "built")
    return made[0], made[1]


@pytest.fixture(scope="module")
def command(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a new environment with the wheel installed; it shares this environment's dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    (wheel,) = built[0].glob("*.whl")
    target = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    Path(target, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    options = ["--no-deps", "--no-index", "--no-cache-dir", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", *options, wheel], check=True, capture_output=True
    )
    return folder / "bin" / "tarifa"


def run(command: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command outside of a checkout."""
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "TARIFA_URL"}}
    return subprocess.run([command, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_same_tree_gives_the_same_bytes(built: tuple[Path, Path]) -> None:
    """Whenever and wherever it is built, so that anybody can check what a release was built from."""
    first, second = (digests(folder) for folder in built)
    assert first == second
    assert sorted(first) == [
        f"tarifa-{VERSION}-py3-none-any.whl",
        f"tarifa-{VERSION}.cdx.json",
        f"tarifa-{VERSION}.tar.gz",
    ]


def test_the_wheel_has_what_runs_and_nothing_else(built: tuple[Path, Path]) -> None:
    """Services and command line with the files that they serve, and the licence."""
    (wheel,) = built[0].glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names} == {"services", "tarifa", f"tarifa-{VERSION}.dist-info"}
    assert {f"services/ingress/{name}" for name in DATA} <= names
    assert "services/contracts/schemas/PaymentSettled.json" in names
    tracked = {
        str(path.relative_to(ROOT))
        for part in ("services", "tarifa")
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert tracked <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_sdist_has_nothing_of_the_builder(built: tuple[Path, Path]) -> None:
    """No user, and no time except the commit's."""
    (sdist,) = built[0].glob("*.tar.gz")
    with tarfile.open(sdist) as files:
        members = files.getmembers()
    assert {(each.uid, each.uname, each.mtime) for each in members} == {(0, "", EPOCH_S)}


def test_installed_it_prints_its_version(command: Path, tmp_path: Path) -> None:
    """That of pyproject.toml, which is not installed."""
    done = run(command, "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tarifa {VERSION}\n", "")


def test_installed_it_has_the_commands_for_a_service_and_for_nats(command: Path, tmp_path: Path) -> None:
    """Without either, each command fails with its own exit code and one sentence, not with a traceback."""
    (tmp_path / "services").mkdir()  # the user's own folder, which must not be imported
    (tmp_path / "services" / "__init__.py").write_text("raise AssertionError('not ours')")
    asked = run(command, "summary", "--url", "http://127.0.0.1:1", cwd=tmp_path)
    assert (asked.returncode, len(asked.stderr.splitlines())) == (6, 1), asked.stderr
    wrong = run(command, "traces", "export", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "one of the arguments --otlp --file is required" in wrong.stderr


def test_installed_its_help_begins_with_the_address_of_a_service(command: Path, tmp_path: Path) -> None:
    """`tarifa up` cannot run there; each group of commands says what it needs."""
    shown = run(command, "--help", cwd=tmp_path).stdout
    assert "export TARIFA_URL=" in shown
    assert "tarifa up  " not in shown
    for heading in ("(TARIFA_URL, TARIFA_KEY)", "(NATS_URL, NATS_CREDENTIALS, NATS_CA)", "In a checkout"):
        assert heading in shown


def test_installed_it_names_the_commands_that_need_a_checkout(command: Path, tmp_path: Path) -> None:
    """The sandbox is not installed, and no default key file is assumed beside the library."""
    done = run(command, "up", cwd=tmp_path)
    assert (done.returncode, "needs a checkout" in done.stderr) == (2, True)
    done = run(command, "keys", "list", cwd=tmp_path)
    assert (done.returncode, "API_KEYS" in done.stderr) == (2, True)


def test_commit_hooks_are_what_make_lint_runs() -> None:
    """Both run the same tools."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    lines = [
        line.strip().replace("$(RUN)", "$(VENV)/bin/python").replace("$(VENV)", ".venv")
        for line in lint.split("\n")[1:]
    ]
    assert [hook["entry"] for hook in hooks] == lines
