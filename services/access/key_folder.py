"""A folder with a key for each user of the bus: ``<user>.nk`` is its seed."""

from collections.abc import Mapping
from pathlib import Path

from services.access.nkey import NKey
from services.access.secret_file import FOLDER_MODE, read_secret, write_secret
from services.contracts.permissions import USERS


def key_path(folder: Path, user: str) -> Path:
    """Return where a user's key lies."""
    return folder / f"{user}.nk"


def make_keys(folder: Path) -> Mapping[str, NKey]:
    """Return the key of each user; those that are not there are made, and one that is there stays.

    Raises:
        ValueError: one of them cannot be used.
        OSError: the folder cannot be written.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    folder.chmod(FOLDER_MODE)
    keys = {}
    for user in USERS:
        path = key_path(folder, user)
        if not path.exists():
            write_secret(path, f"{NKey.new().seed}\n")
        keys[user] = NKey.from_text(read_secret(path))
    return keys
