"""HTTPS between clients and the balancer: its certificate, created at the first start in a stack's folder and kept."""

import ssl
from pathlib import Path

from sandbox.stack.errors import StackError
from sandbox.stack.plan.options import StackOptions
from sandbox.stack.plan.ports import HOST
from services.access.certificates import DOOR, Certificates, make_certificates, paths

_HOSTS = (HOST, "localhost", "::1")


def make(options: StackOptions) -> Certificates | None:
    """Return it, created where it is missing or expires soon. None: clients use plain HTTP.

    Raises:
        StackError: a file in the folder cannot be used.
    """
    if not options.tls:
        return None
    folder = _folder(options.run_dir)
    try:
        return make_certificates(folder, _HOSTS, of=DOOR)
    except (ValueError, OSError) as error:
        raise StackError(f"a file in {folder} cannot be used: {error}; delete it to have another made") from None


def authority(run_dir: Path) -> Path:
    """Return the file of the authority that clients of the stack in a folder must trust."""
    return paths(_folder(run_dir)).ca


def verify(run_dir: Path) -> ssl.SSLContext:
    """Return the context with which clients of the stack in a folder verify it."""
    return ssl.create_default_context(cafile=authority(run_dir))


def announcement(options: StackOptions) -> list[str]:
    """Return the lines on how a person connects over HTTPS."""
    if not options.tls:
        return []
    ca = authority(options.run_dir)
    return [
        f"           curl --cacert {ca} {options.http_url}/readyz",
        f"           TARIFA_CA={ca} TARIFA_URL={options.http_url}    for tarifa pay, watch, ...",
    ]


def _folder(run_dir: Path) -> Path:
    return run_dir / "secrets" / DOOR
