"""Settlements received as they are published, on a real nats-server; also as the user of an ingress."""

import asyncio
from pathlib import Path

import pytest

from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.ingress.adapters.settlement_hints import SettlementHints
from tests.integration.access.closed_server import ClosedServer
from tests.integration.ingress.ingress_process import new_id
from tests.nats_server import PATIENCE_S, NatsServer, until

KINDS = {"settled": subjects.settled, "refused": subjects.refused}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_settlement_of_this_payment_is_received_and_no_other(bus: Bus, kind: str) -> None:
    """At any processor; neither another payment's, nor a release of this one, nor what comes after listening."""
    payment_id, received, other = new_id(), asyncio.Event(), asyncio.Event()
    hints = SettlementHints(bus)
    async with hints.listening(payment_id, received.set), hints.listening(new_id(), other.set):
        bus.publish(subjects.released(payment_id), b"{}")
        await bus.round_trip(PATIENCE_S)
        assert not received.is_set()
        bus.publish(KINDS[kind]("any-processor", payment_id), b"{}")
        async with asyncio.timeout(PATIENCE_S):
            await received.wait()
    received.clear()
    bus.publish(KINDS[kind]("any-processor", payment_id), b"{}")
    await bus.round_trip(PATIENCE_S)
    assert not received.is_set()
    assert not other.is_set()


async def test_after_a_reconnect_something_may_have_been_missed(bus: Bus, nats_server: NatsServer) -> None:
    """So the listener is called, and receives again what comes."""
    payment_id, received = new_id(), asyncio.Event()
    async with SettlementHints(bus).listening(payment_id, received.set), asyncio.timeout(PATIENCE_S):
        nats_server.kill()
        nats_server.start()
        await received.wait()
        received.clear()
        await until(lambda: bus.is_connected)
        bus.publish(subjects.settled("default", payment_id), b"{}")
        await received.wait()


async def test_an_ingress_may_listen_where_users_have_permissions(tmp_path: Path) -> None:
    """The subject of one payment is part of what its user may subscribe to; only the dispatcher may publish there."""
    closed = ClosedServer(tmp_path)
    closed.server.start()
    try:
        ingress, dispatcher = await closed.bus("ingress"), await closed.bus("dispatcher")
        try:
            payment_id, received = new_id(), asyncio.Event()
            async with SettlementHints(ingress).listening(payment_id, received.set), asyncio.timeout(PATIENCE_S):
                await ingress.round_trip(PATIENCE_S)
                dispatcher.publish(subjects.settled("default", payment_id), b"{}")
                await received.wait()
        finally:
            await ingress.close()
            await dispatcher.close()
    finally:
        closed.server.stop()
