"""``python -m services.keys`` as a person runs it, on real files."""

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.keys.key import hash_of
from services.keys.key_file import read_keys

ROOT = Path(__file__).parents[3]


def keys(path: Path, *words: str, by: str = "--file") -> subprocess.CompletedProcess[str]:
    """Run the program on a file."""
    flags, env = (["--file", str(path)], {}) if by == "--file" else ([], {"API_KEYS": str(path)})
    command = [sys.executable, "-m", "services.keys", *flags, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env={"PATH": "", **env})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a file that does not exist, in a folder that does not exist."""
    return tmp_path / "secrets" / "api_keys.json"


def test_a_key_is_printed_once_and_stored_as_its_hash(path: Path) -> None:
    """Only the file's owner may read it, and no listing has the secret."""
    added = keys(path, "add", "shop", "--scope", "read,pay", "--rate", "50")
    assert added.returncode == 0, added.stderr
    secret = added.stdout.strip()
    assert re.fullmatch(r"tarifa_[A-Za-z0-9_-]{43}", secret)
    (key,) = read_keys(path)
    assert (key.name, key.scopes, key.rate_per_s, key.burst) == ("shop", ("pay", "read"), 50, 100)
    assert key.sha256 == hash_of(secret.encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "not recorded in the operators' log" in added.stderr
    listed = keys(path, "list", by="API_KEYS")
    assert re.search(r"shop +pay,read +50 +100 ", listed.stdout)
    assert secret not in listed.stdout + path.read_text()


def test_a_revoked_key_is_gone_and_the_others_stay(path: Path) -> None:
    """Revoking an unknown name is an error."""
    for name in ("shop", "till"):
        assert keys(path, "add", name, "--scope", "pay", "--burst", "7").returncode == 0
    assert keys(path, "add", "shop", "--scope", "pay").returncode == 1
    assert keys(path, "revoke", "shop").returncode == 0
    assert [(key.name, key.burst) for key in read_keys(path)] == [("till", 7)]
    again = keys(path, "revoke", "shop")
    assert (again.returncode, again.stderr) == (1, f"{path} has no key named shop\n")


def test_concurrent_additions_lose_nothing(path: Path) -> None:
    """Each reads what the one before wrote."""
    names = [f"till-{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as threads:
        done = list(threads.map(lambda name: keys(path, "add", name, "--scope", "pay"), names))
    assert [each.returncode for each in done] == [0] * len(names)
    assert sorted(key.name for key in read_keys(path)) == names
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_that_another_reads_stays_readable_for_it(path: Path) -> None:
    """For a service that reads it by its group; permissions for others are removed."""
    assert keys(path, "init").returncode == 0
    path.chmod(0o640)
    before = path.stat()
    assert keys(path, "add", "shop", "--scope", "pay").returncode == 0
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_stays_its_owners_when_root_changes_it(path: Path) -> None:
    """Otherwise the service could no longer read it."""
    assert keys(path, "init").returncode == 0
    os.chown(path, 10001, 10001)
    assert keys(path, "add", "shop", "--scope", "pay").returncode == 0
    assert (path.stat().st_uid, path.stat().st_gid) == (10001, 10001)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "a b", "--scope", "pay"], "must be 1 to 64 of"),
        (["add", "a", "--scope", "pay,all"], "'all' is not one of pay, read, operate"),
        (["add", "a"], "--scope"),
        (["add", "a", "--scope", "pay", "--rate", "0"], "requests a second"),
        (["add", "a", "--scope", "pay", "--rate", "many"], "requests a second"),
        (["add", "a", "--scope", "pay", "--rate", "nan"], "requests a second"),
        (["add", "a", "--scope", "pay", "--burst", "0"], "1 to 1000000 requests"),
        (["list"], "which cannot be read"),
        ([], "COMMAND"),
    ],
)
def test_invalid_arguments_are_an_error_and_nothing_is_written(path: Path, words: list[str], said: str) -> None:
    """Status 2, as with every tool here."""
    done = keys(path, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not path.exists()


def test_a_file_that_is_not_a_file_of_keys_is_not_overwritten(path: Path) -> None:
    """It may be another program's, or a later version's."""
    path.parent.mkdir()
    path.write_text("{}")
    path.chmod(0o600)
    for words in (["add", "a", "--scope", "pay"], ["revoke", "a"], ["list"], ["init"]):
        done = keys(path, *words)
        assert (done.returncode, f"names {path}, which is not a file of keys" in done.stderr) == (2, True)
    assert path.read_text() == "{}"


def test_the_file_of_keys_must_be_named() -> None:
    """By a flag or the setting."""
    done = subprocess.run(
        [sys.executable, "-m", "services.keys", "list"], capture_output=True, text=True, check=False, cwd=ROOT, env={}
    )
    assert (done.returncode, done.stderr) == (2, "API_KEYS or --file must name the file of keys\n")
