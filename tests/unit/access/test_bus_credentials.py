"""NATS_CREDENTIALS: which files are accepted, and the errors for the others."""

import re
from pathlib import Path

import pytest

from services.access.nkey import NKey
from services.settings.bus import bus_settings
from services.settings.environment import SettingError

# Made for this test; no server knows it.
SEED = NKey.new().seed


def written(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    """Return the path of such a file."""
    path = tmp_path / "user.nk"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_without_a_file_there_is_no_user() -> None:
    """Unset and empty are the same."""
    assert bus_settings({}).credentials.key is None
    assert bus_settings({"NATS_CREDENTIALS": " "}).credentials.key is None


@pytest.mark.parametrize(
    "text",
    [SEED, f"{SEED}\n", f"# a user\n{SEED}\n", f"-----BEGIN-----\n{SEED}\n-----END-----"],
    ids=["bare", "line", "remark", "block"],
)
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_a_seed_is_found_on_a_line_of_its_own(tmp_path: Path, text: str, mode: int) -> None:
    """As the tools of NATS write it; a group may read it, as with orchestrators."""
    key = bus_settings({"NATS_CREDENTIALS": written(tmp_path, text, mode)}).credentials.key
    assert key == NKey.from_text(SEED)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666, 0o660, 0o644])
def test_a_file_that_others_can_read_stops_the_start(tmp_path: Path, mode: int) -> None:
    """With the command that fixes it."""
    path = written(tmp_path, SEED, mode)
    why = re.escape(f"NATS_CREDENTIALS names {path}, which others may read or change (mode {mode:o}): chmod 600 {path}")
    with pytest.raises(SettingError, match=f"^{why}$"):
        bus_settings({"NATS_CREDENTIALS": path})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no user's NKey seed"),
        ("SU", "has no user's NKey seed"),
        (SEED[:-1], "has no user's NKey seed"),
        (NKey.from_text(SEED).public, "has no user's NKey seed"),
        (f"SU{'A' * 56}", "has an NKey seed that was mistyped"),
        (SEED[:20] + ("A" if SEED[20] != "A" else "B") + SEED[21:], "has an NKey seed that was mistyped"),
    ],
    ids=["empty", "two letters", "short", "the public half", "noughts", "mistyped"],
)
def test_a_file_without_a_usable_seed_stops_the_start_and_is_not_shown(tmp_path: Path, text: str, why: str) -> None:
    """Its content is a secret, or was meant to be one."""
    path = written(tmp_path, text)
    with pytest.raises(SettingError, match=f"^NATS_CREDENTIALS names {re.escape(path)}, which {why}") as raised:
        bus_settings({"NATS_CREDENTIALS": path})
    assert len(text) < len("SU") + 1 or text not in str(raised.value)


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    """Nor can a folder be read, nor bytes that are not text."""
    with pytest.raises(SettingError, match=r"^NATS_CREDENTIALS names .*, which cannot be read: No such file"):
        bus_settings({"NATS_CREDENTIALS": str(tmp_path / "none")})
    with pytest.raises(SettingError, match=r"^NATS_CREDENTIALS names .*, which cannot be read: Is a directory"):
        bus_settings({"NATS_CREDENTIALS": str(tmp_path)})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "bytes").chmod(0o600)
    with pytest.raises(SettingError, match=r"^NATS_CREDENTIALS names .*, which is not text$"):
        bus_settings({"NATS_CREDENTIALS": str(tmp_path / "bytes")})


def test_a_key_hides_its_secret() -> None:
    """Neither in a log nor in a traceback."""
    key = NKey.from_text(SEED)
    assert SEED not in repr(key)
    assert key.public.startswith("U")
    assert len(key.public) == 56
