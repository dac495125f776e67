"""Closing the bus is the last thing a service does: it never raises, whatever the client does."""

import pytest

from services.bus.wire.connection import Bus


class FailingClient:
    """A client of which one step fails; it records the steps that were taken."""

    is_connected = True

    def __init__(self, step: str, error: Exception) -> None:
        """Fail in ``step`` with ``error``."""
        self._step = step
        self._error = error
        self._transport = self
        self.taken: list[str] = []

    @property
    def _io_writer(self) -> "FailingClient":
        return self

    @property
    def transport(self) -> "FailingClient":
        """Return itself as the loop's transport, too."""
        return self

    def abort(self) -> None:
        """Drop the connection."""
        self._take("abort")

    def write_unsent(self) -> None:
        """Write what is unsent."""
        self._take("depart")

    async def flush(self, _timeout_s: float) -> None:
        """Wait until the server has it."""
        self._take("flush")

    async def close(self) -> None:
        """Close; abort is only reached where this fails too."""
        self._take("close")
        if self._step == "abort":
            raise self._error

    def _take(self, step: str) -> None:
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
