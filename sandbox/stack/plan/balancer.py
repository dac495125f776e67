"""nginx, where it is installed: the repository's own nginx.conf, with the two files that differ here."""

import grp
import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

from sandbox.checkout import TOP
from sandbox.stack.plan.ports import HOST
from services.access.certificates import Certificates

CONF = TOP / "nginx.conf"
_TLS = TOP / "deploy/listen.tls.conf"

# Debian installs it where only root's PATH looks.
_ALSO_IN = "/usr/sbin:/usr/local/sbin"


def find_nginx() -> Path | None:
    """Return nginx's path, or None if it is not installed."""
    found = shutil.which("nginx") or shutil.which("nginx", path=_ALSO_IN)
    return Path(found) if found else None


def write_conf(folder: Path, *, listen: str, upstreams: Sequence[str]) -> Path:
    """Write a folder in which nginx can run; return the configuration's path. ``listen``: what `listen` returns."""
    folder.mkdir(parents=True, exist_ok=True)
    conf = folder / "nginx.conf"
    shutil.copyfile(CONF, conf)
    (folder / "listen.conf").write_text(listen)
    (folder / "upstream.conf").write_text(
        "".join(f'server "{upstream}" max_fails=1 fail_timeout=2s;\n' for upstream in upstreams)
        + "".join(f'server "{upstream}" backup max_fails=0;\n' for upstream in upstreams)
    )
    return conf


def listen(port: int, *, tls: Certificates | None = None) -> str:
    """Return listen.conf for a port of this machine: plain, or for TLS the repository's own with this one's files."""
    if tls is None:
        return f"listen {HOST}:{port};\n"
    here = {
        "listen": f"listen {HOST}:{port} ssl http2;",
        "ssl_certificate": f'ssl_certificate "{tls.server}";',
        "ssl_certificate_key": f'ssl_certificate_key "{tls.key}";',
    }
    lines = _TLS.read_text().splitlines()
    return "".join(f"{here.get(line.partition(' ')[0], line)}\n" for line in lines)


def command(nginx: Path, folder: Path) -> tuple[str, ...]:
    """Return the command that runs nginx in the foreground in a folder that `write_conf` wrote."""
    return (
        str(nginx),
        *("-p", f"{folder}/"),
        *("-c", str(folder / "nginx.conf")),
        *("-e", "stderr"),  # otherwise it opens the system's log before it has read the configuration
        *("-g", f"daemon off;{_user()}"),
    )


def _user() -> str:
    # A worker of root's nginx becomes nobody, who may not open the sockets here; for others the line is a warning.
    if os.geteuid() != 0:
        return ""
    return f" user {pwd.getpwuid(os.geteuid()).pw_name} {grp.getgrgid(os.getegid()).gr_name};"
