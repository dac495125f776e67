"""The listening socket: a free address is taken, a socket file left behind is replaced, one in use is an error."""

import socket
import stat
from pathlib import Path
from typing import assert_never

from services.ingress.core.address import Address, UnixAddress
from services.settings.environment import SettingError
from services.settings.tcp_address import TcpAddress

BACKLOG = 1024  # connections not yet accepted; a balancer opens many at once
PROBE_TIMEOUT_S = 1.0
SOCKET_FILE_MODE = 0o666  # the balancer's workers run as another user


def listen_on(address: Address, *, reuse_port: bool) -> socket.socket:
    """Return a socket that listens.

    Raises:
        SettingError: INGRESS_LISTEN cannot be listened on, or another process listens there.
    """
    try:
        match address:
            case TcpAddress(host, port):
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=reuse_port)
            case UnixAddress(path):
                return _unix_listener(Path(path))
            case never:
                assert_never(never)
    except OSError as error:
        raise SettingError(f"INGRESS_LISTEN is {address}, which cannot be listened on: {error}") from error


def forget(address: Address) -> None:
    """Remove the socket file, so that clients that connect from now on are refused, and may go elsewhere."""
    if isinstance(address, UnixAddress):
        Path(address.path).unlink(missing_ok=True)


def _unix_listener(path: Path) -> socket.socket:
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        if _is_in_use(path):
            raise SettingError(f"INGRESS_LISTEN is unix:{path}, where another process listens; stop that one first")
        path.unlink()  # left behind by a process that was killed
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(SOCKET_FILE_MODE)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _is_in_use(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            pass  # its queue is full: a process listens
        return True
