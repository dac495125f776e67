"""A ledger process connected to the test's own nats-server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus
from services.ledger.core.snapshot_outcomes import NoSnapshot
from tests.integration.ledger.ledger_process import LedgerProcess
from tests.integration.ledger.snapshot_case import SnapshotCase
from tests.nats_server import NatsServer


@pytest.fixture
def ledger(nats_server: NatsServer, tmp_path: Path) -> Iterator[LedgerProcess]:
    """A ledger that is not started yet; killed at the end."""
    process = LedgerProcess(tmp_path, nats_server.url)
    yield process
    process.discard()


@pytest.fixture
async def case(bus: Bus, streams: StreamLimits) -> SnapshotCase:
    """A snapshot store that looked for a snapshot and found none."""
    case = SnapshotCase(bus)
    assert await case.store.load(case.book) == NoSnapshot()
    return case
