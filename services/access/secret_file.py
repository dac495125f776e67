"""Files that hold secrets: read only where others cannot read them, and written so that they never could."""

import os
import stat
from pathlib import Path

FOLDER_MODE = 0o700
_TOO_OPEN = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP  # a group may read: that is how an orchestrator hands them over


def read_secret(path: Path) -> str:
    """Return what a file holds.

    Raises:
        ValueError: it cannot be read, or others can read it too; says which, and not what it holds.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _TOO_OPEN:
                raise ValueError(f"names {path}, which others may read or change (mode {mode:o}): chmod 600 {path}")
            return file.read()
    except UnicodeDecodeError:
        raise ValueError(f"names {path}, which is not text") from None
    except OSError as error:
        raise ValueError(f"names {path}, which cannot be read: {error.strerror}") from None


def write_secret(path: Path, text: str, like: os.stat_result | None = None) -> None:
    """Write a file that is whole or not there, also after a power cut, and that only its owner may read from the first.

    ``like``: the file that it takes the place of, whose owner, group and mode it has in the end.
    """
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123  # made with its mode
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        if like is not None:
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode) & ~_TOO_OPEN)
    unfinished.replace(path)
