"""Ports: free or taken, and by whom."""

import os
import socket
from collections.abc import Iterator

import pytest

from sandbox.stack.errors import StackError
from sandbox.stack.plan import ports


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port on which this process listens."""
    with socket.create_server((ports.HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_its_holder(taken: int) -> None:
    """The sentence names the port, the part that needs it, and the process that has it."""
    with pytest.raises(StackError, match=rf"port {taken} \(http\) is taken by process {os.getpid()}: .*python"):
        ports.check({"http": taken}, within_s=0)


def test_a_port_shared_by_others_is_taken() -> None:
    """A listener that shares its port (SO_REUSEPORT) still counts."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind((ports.HOST, 0))
        server.listen()
        assert not ports.is_free(server.getsockname()[1])


def test_a_listener_on_every_address_takes_the_port() -> None:
    """A listener on all addresses takes ours too."""
    with socket.create_server(("", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_ports_in_a_row_are_free_and_none_of_the_others() -> None:
    """All of them can be bound, from the first one on."""
    first = ports.free_in_a_row(6)
    assert ports.free_in_a_row(6, but=[first + 3]) not in range(first - 2, first + 4)
    ports.check({str(port): port for port in range(first, first + 6)}, within_s=0)


def test_free_ports_are_free_and_different() -> None:
    """They can be bound."""
    found = ports.free(5)
    assert len(set(found)) == 5
    ports.check({str(port): port for port in found}, within_s=0)
