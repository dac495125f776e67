"""A ledger process on the test's own nats-server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ledger.ledger_process import LedgerProcess
from tests.nats_server import NatsServer


@pytest.fixture
def ledger(nats_server: NatsServer, tmp_path: Path) -> Iterator[LedgerProcess]:
    """A ledger that is not started yet; gone at the end."""
    process = LedgerProcess(tmp_path, nats_server.url)
    yield process
    process.discard()
