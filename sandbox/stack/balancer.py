"""nginx, where it is installed: the repository's own nginx.conf with the two files that say what differs here."""

import grp
import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

from sandbox.stack.ports import HOST

_CONF = Path(__file__).parents[2] / "nginx.conf"

# Debian puts it where only root's PATH looks.
_ALSO_IN = "/usr/sbin:/usr/local/sbin"


def find_nginx() -> Path | None:
    """Return nginx, or nothing if it is not installed."""
    found = shutil.which("nginx") or shutil.which("nginx", path=_ALSO_IN)
    return Path(found) if found else None


def write_conf(folder: Path, *, listen: str, upstreams: Sequence[str]) -> Path:
    """Write a folder that nginx can run in; return the configuration's path."""
    folder.mkdir(parents=True, exist_ok=True)
    conf = folder / "nginx.conf"
    shutil.copyfile(_CONF, conf)
    (folder / "listen.conf").write_text(f"listen {listen};\n")
    (folder / "upstream.conf").write_text(
        "".join(f'server "{upstream}" max_fails=1 fail_timeout=2s;\n' for upstream in upstreams)
        + "".join(f'server "{upstream}" backup max_fails=0;\n' for upstream in upstreams)
    )
    return conf


def listen(port: int) -> str:
    """Return what listen.conf says for a port of this machine."""
    return f"{HOST}:{port}"


def command(nginx: Path, folder: Path) -> tuple[str, ...]:
    """Return how to run nginx in the foreground in a folder that `write_conf` wrote."""
    return (
        str(nginx),
        *("-p", f"{folder}/"),
        *("-c", str(folder / "nginx.conf")),
        *("-e", "stderr"),  # or it tries the system's log before it has read the configuration
        *("-g", f"daemon off;{_user()}"),
    )


def _user() -> str:
    # A worker of root's nginx becomes nobody, who may not open the sockets here; for others the line is a warning.
    if os.geteuid() != 0:
        return ""
    return f" user {pwd.getpwuid(os.geteuid()).pw_name} {grp.getgrgid(os.getegid()).gr_name};"
