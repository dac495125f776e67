"""Closing the bus is the last thing a service does: it never raises, whatever the client does."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from services.bus.wire.connection import Bus
from services.bus.wire.routed_client import RoutedClient


class FailingTransport:
    """The loop's transport of that client."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take

    def abort(self) -> None:
        """Drop the connection."""
        self._take("abort")


class FailingClient:
    """A client of which one step fails; it records the steps that were taken."""

    is_connected = True
    abort = RoutedClient.abort

    def __init__(self, step: str, error: Exception) -> None:
        """Fail in ``step`` with ``error``."""
        self._step = step
        self._error = error
        self._transport = SimpleNamespace(_io_writer=SimpleNamespace(transport=FailingTransport(self.take)))
        self.taken: list[str] = []

    def write_unsent(self) -> None:
        """Write what is unsent."""
        self.take("depart")

    async def flush(self, _timeout_s: float) -> None:
        """Wait until the server has it."""
        self.take("flush")

    async def close(self) -> None:
        """Close; abort is only reached where this fails too."""
        self.take("close")
        if self._step == "abort":
            raise self._error

    def take(self, step: str) -> None:
        """Record a step, and fail in it if that is the one."""
        self.taken.append(step)
        if step == self._step:
            raise self._error


@pytest.mark.parametrize("step", ["depart", "flush", "close", "abort"])
@pytest.mark.parametrize(
    "error",
    [RuntimeError("the handler is closed"), AssertionError(), AttributeError(), OSError(), ValueError()],
    ids=repr,
)
async def test_close_raises_nothing_whatever_the_client_raises(
    step: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the steps after the failure are done."""
    bus = Bus()
    client = FailingClient(step, error)
    monkeypatch.setattr(bus, "_nc", client)
    await bus.close()
    assert "close" in client.taken
    assert ("abort" in client.taken) == (step in {"close", "abort"})
