"""Where to listen: ``host:port`` or ``unix:/path.sock``."""

from dataclasses import dataclass

PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A name or a number of this machine, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a socket file."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def address_from_text(text: str) -> Address:
    """Read an address.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/"):
            raise ValueError(f"must be host:port, or unix:/path.sock with an absolute path, not {text!r}")
        return UnixAddress(path)
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")  # an IPv6 number is written in brackets
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= PORT_MAX:
        raise ValueError(f"must be host:port with a port of 1 to {PORT_MAX}, or unix:/path.sock, not {text!r}")
    return TcpAddress(host, int(port))
