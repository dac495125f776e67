"""The stack's folder: for one stack at a time, and only what a stack created is deleted there."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sandbox.stack.errors import StackError

_LOCK = "stack.lock"

# What one start leaves to the next with KEEP=1, and what never outlives a start.
_STORES = ("nats", "nats-[0-9]", "processor-*.journal")
_LEFTOVERS = ("balancer", "*.pid", "*.reconfigured", "*.held", "ingress-*.sock", "limits.json")

# A socket's path may have 107 characters, and ingress binds under a temporary name that is 44 longer.
_SOCKET_PATH_MAX = 107 - 44


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder for one stack; the kernel releases it however the stack ends.

    Raises:
        StackError: another stack runs in it, or it holds files that are not a stack's.
    """
    lock = folder / _LOCK
    foreign_files = [] if lock.exists() else sorted(path.name for path in _found(folder, *_STORES, *_LEFTOVERS))
    if foreign_files:
        raise StackError(f"{folder} holds {', '.join(foreign_files)}, which no stack created; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"a stack is running in {folder} already (process {lock.read_text().strip()})") from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield


def clean(folder: Path, *, keep: bool) -> None:
    """Delete what earlier starts left, except for the stores if they are to be kept."""
    for path in _found(folder, *_LEFTOVERS, *(() if keep else _STORES)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def socket_path(folder: Path, name: str) -> Path:
    """Return the path of a part's socket: in the folder, or in a short one if that is too long for a socket."""
    path = folder / f"{name}.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"tarifa-{digest}", f"{name}.sock")


@contextlib.contextmanager
def socket_folders(paths: Iterable[Path]) -> Iterator[None]:
    """Create the folders of sockets, without those of a killed part; at the end remove them where they are empty."""
    paths = tuple(paths)
    for path in paths:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
    try:
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty, as the stack's own folder never is
                path.parent.rmdir()


def write_pid(folder: Path, name: str, pid: int) -> None:
    """Write a part's process id atomically."""
    unfinished = folder / f"{name}.pid.new"
    unfinished.write_text(f"{pid}\n")
    unfinished.replace(folder / f"{name}.pid")


def write_env(folder: Path, name: str, env: Mapping[str, str]) -> None:
    """Write what differs in the environment of one part from its next start on; empty: nothing."""
    unfinished = folder / f"{name}.reconfigured.new"
    unfinished.write_text(json.dumps(dict(env)))
    unfinished.replace(folder / f"{name}.reconfigured")


def read_env(folder: Path, name: str) -> dict[str, str]:
    """Return what differs in the environment of one part."""
    try:
        return dict(json.loads((folder / f"{name}.reconfigured").read_text()))
    except FileNotFoundError:
        return {}


def keep_stopped(folder: Path, name: str) -> None:
    """Do not restart a part that dies, until `allow_start`."""
    (folder / f"{name}.held").touch()


def allow_start(folder: Path, name: str) -> None:
    """Let a part be started again."""
    (folder / f"{name}.held").unlink(missing_ok=True)


def is_kept_stopped(folder: Path, name: str) -> bool:
    """Return whether a part must not be started yet."""
    return (folder / f"{name}.held").exists()


def remove_pid(folder: Path, name: str) -> None:
    """Remove a part's process id: it is not running."""
    (folder / f"{name}.pid").unlink(missing_ok=True)


def _found(folder: Path, *patterns: str) -> Iterator[Path]:
    for pattern in patterns:
        yield from folder.glob(pattern)
