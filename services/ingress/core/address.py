"""Where to listen: ``host:port`` or ``unix:/path.sock``."""

from dataclasses import dataclass

from services.settings.tcp_address import PORT_MAX, TcpAddress, tcp_address


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
    address = tcp_address(text)
    if address is None:
        raise ValueError(f"must be host:port with a port of 1 to {PORT_MAX}, or unix:/path.sock, not {text!r}")
    return address
