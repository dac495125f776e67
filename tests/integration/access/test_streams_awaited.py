"""A service that may not create streams waits for one that may, and does not send forbidden requests."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.make_streams import make_streams
from services.bus.jetstream.streams import StreamLimits
from services.contracts.permissions import INGRESS, USERS, may_make_streams
from tests.conftest import LIMITS
from tests.integration.access.closed_server import ClosedServer
from tests.nats_server import PATIENCE_S, until

MORE = replace(LIMITS, backlog_max=LIMITS.backlog_max + 1)


def test_dispatcher_and_ledger_may_make_streams() -> None:
    """According to the permissions' table."""
    assert {user for user in USERS if may_make_streams(user)} == {"dispatcher", "ledger"}


@pytest.mark.parametrize(
    ("before", "limits", "why"),
    [
        (None, LIMITS, "stream PAYMENTS is missing"),
        (LIMITS, MORE, f"stream PAYMENTS has max_msgs = {LIMITS.backlog_max} instead of {MORE.backlog_max}"),
    ],
    ids=["missing", "with other limits"],
)
async def test_ingress_waits_until_the_ledger_has_created_the_streams(
    before: StreamLimits | None, limits: StreamLimits, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It logs why it waits, and the server denies nothing."""
    closed = ClosedServer(tmp_path)
    closed.server.start()
    ingress, ledger = await closed.bus("ingress"), await closed.bus("ledger")
    try:
        if before is not None:
            await make_streams(ledger, before)
        waiting = asyncio.create_task(make_streams(ingress, limits, may_change=may_make_streams(INGRESS)))
        await until(lambda: why in " ".join(str(vars(record)) for record in caplog.records), "why it waits")
        await make_streams(ledger, limits)
        await asyncio.wait_for(waiting, PATIENCE_S)
        await ingress.round_trip(PATIENCE_S)  # an error of the server would have arrived by now
    finally:
        await ingress.close()
        await ledger.close()
        closed.server.stop()
    assert "bus.not_allowed" not in caplog.messages


async def test_ingress_does_not_wait_for_another_description(tmp_path: Path) -> None:
    """In an upgrade, an instance of the version before starts again after the ledger has updated the descriptions."""
    closed = ClosedServer(tmp_path)
    closed.server.start()
    ingress, ledger = await closed.bus("ingress"), await closed.bus("ledger")
    try:
        await make_streams(ledger, LIMITS)
        found = (await api.call(ledger, "STREAM.INFO.PAYMENTS"))["config"]
        await api.call(ledger, "STREAM.UPDATE.PAYMENTS", {**found, "description": "of another version"})
        await asyncio.wait_for(make_streams(ingress, LIMITS, may_change=may_make_streams(INGRESS)), PATIENCE_S)
    finally:
        await ingress.close()
        await ledger.close()
        closed.server.stop()
