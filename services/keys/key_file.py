"""The file of keys: read whole, written whole, and changed by one program at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.access.secret_file import FOLDER_MODE, read_secret, write_secret
from services.keys.key import Key, decode, encode


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys.

    Raises:
        ValueError: it cannot be read, others can read it too, or it is no file of keys; says which.
    """
    try:
        return decode(read_secret(path))
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"names {path}, which {error}") from None


def write_keys(path: Path, keys: tuple[Key, ...]) -> None:
    """Have the file hold these keys: who reads it meanwhile reads all of the old ones, or all of the new.

    A file that is there stays its owner's and its group's to read: who changes it need not be the service.

    Raises:
        OSError: it cannot be written.
    """
    before = path.stat() if path.exists() else None
    write_secret(path, encode(keys), like=before)


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Have no other program change the file meanwhile; its folder is made where there is none.

    Raises:
        OSError: the folder cannot be made or opened.
    """
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    # The folder is locked and not the file, which is replaced.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
