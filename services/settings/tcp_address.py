"""A network address to listen on: ``host:port``, an IPv6 number in brackets. Pure."""

from dataclasses import dataclass

PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A name or a number of this machine, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def tcp_address(text: str) -> TcpAddress | None:
    """Read ``host:port``; None if it is not that."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= PORT_MAX:
        return None
    return TcpAddress(host, int(port))
