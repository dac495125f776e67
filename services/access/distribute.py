"""Gives each program of one machine what it reads of the secrets, and nobody else's key: by a folder for each."""

from collections.abc import Mapping
from pathlib import Path

from services.access.certificates import paths
from services.access.key_folder import key_path
from services.access.secret_file import write_secret
from services.contracts.permissions import USERS

SERVERS = "nats"
USERS_CONF = "users.conf"
_FOLDER_MODE = 0o750


def readers(folder: Path) -> Mapping[str, tuple[Path, ...]]:
    """Return who reads which files of a folder with all secrets: the users of the bus, and ``nats``, its servers."""
    made = paths(folder)
    each = {user: (key_path(folder, user), made.ca) for user in USERS}
    return {**each, SERVERS: (folder / USERS_CONF, made.ca, made.server, made.key)}


def distribute(folder: Path, each: Path) -> None:
    """Copy to ``each/<reader>`` what that one reads, for every reader who has a folder there; modes stay.

    Raises:
        OSError: a file is not there, or a folder cannot be written.
    """
    for reader, files in readers(folder).items():
        into = each / reader
        if not into.is_dir():
            continue
        into.chmod(_FOLDER_MODE)
        for file in files:
            write_secret(into / file.name, file.read_text(encoding="utf-8"))
            (into / file.name).chmod(file.stat().st_mode)
