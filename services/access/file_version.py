"""Whether a file is still the one that was read."""

from pathlib import Path
from typing import NamedTuple


class FileVersion(NamedTuple):
    """Differs where a file was written, given to others, or another one put in its place."""

    changed_ns: int
    size: int
    inode: int


def version_of(path: Path) -> FileVersion | None:
    """Return it; None where there is no file, or none that can be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return FileVersion(found.st_ctime_ns, found.st_size, found.st_ino)
