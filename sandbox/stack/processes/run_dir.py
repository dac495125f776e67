"""The stack's folder: one stack at a time, and nothing is deleted there that a stack did not make."""

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

# What one start leaves to the next if it is told to keep it, and what never outlives a start.
_STORES = ("nats", "nats-[0-9]", "processor-*.journal")
_TRACES = ("balancer", "*.pid", "*.reconfigured", "*.held", "ingress-*.sock", "limits.json")

# A socket's path may have 107 characters, and ingress binds under a temporary name that is 44 longer.
_SOCKET_PATH_MAX = 107 - 44


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold the folder for one stack; the kernel lets go of it however the stack ends.

    Raises:
        StackError: another stack runs in it, or what lies in it is not a stack's.
    """
    lock = folder / _LOCK
    strangers = [] if lock.exists() else sorted(path.name for path in _found(folder, *_STORES, *_TRACES))
    if strangers:
        raise StackError(f"{folder} holds {', '.join(strangers)}, which no stack made; name another folder")
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


def freshen(folder: Path, *, keep: bool) -> None:
    """Delete what earlier starts left, but for the stores if they are to be kept."""
    for path in _found(folder, *_TRACES, *(() if keep else _STORES)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def socket_path(folder: Path, name: str) -> Path:
    """Return where a part's socket lies: in the folder, or in a short one if that path is too long for a socket."""
    path = folder / f"{name}.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"tarifa-{digest}", f"{name}.sock")


@contextlib.contextmanager
def room_for_sockets(paths: Iterable[Path]) -> Iterator[None]:
    """Have the folders of sockets for a while, without what a killed part left; afterwards nothing lies elsewhere."""
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
    """Write a part's process id; a reader never sees half of it."""
    unfinished = folder / f"{name}.pid.new"
    unfinished.write_text(f"{pid}\n")
    unfinished.replace(folder / f"{name}.pid")


def write_env(folder: Path, name: str, env: Mapping[str, str]) -> None:
    """Write what is different in the environment of one part from its next start on; nothing: it is as all others'."""
    unfinished = folder / f"{name}.reconfigured.new"
    unfinished.write_text(json.dumps(dict(env)))
    unfinished.replace(folder / f"{name}.reconfigured")


def read_env(folder: Path, name: str) -> dict[str, str]:
    """Return what is different in the environment of one part."""
    try:
        return dict(json.loads((folder / f"{name}.reconfigured").read_text()))
    except FileNotFoundError:
        return {}


def hold_down(folder: Path, name: str) -> None:
    """Have a part that dies not be started again, until it is let up."""
    (folder / f"{name}.held").touch()


def let_up(folder: Path, name: str) -> None:
    """Have a part be started again."""
    (folder / f"{name}.held").unlink(missing_ok=True)


def is_held_down(folder: Path, name: str) -> bool:
    """Return whether a part is not to be started again yet."""
    return (folder / f"{name}.held").exists()


def remove_pid(folder: Path, name: str) -> None:
    """Forget a part's process id: it is not running."""
    (folder / f"{name}.pid").unlink(missing_ok=True)


def _found(folder: Path, *patterns: str) -> Iterator[Path]:
    for pattern in patterns:
        yield from folder.glob(pattern)
