"""Looking messages up by their subject."""

from datetime import UTC, datetime, timedelta

import pytest

from services.bus import api
from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import _time, consumer_state, first_from, last_for, stream_state
from services.bus.publish import store
from services.bus.streams import StreamLimits, ensure_dispatcher
from tests.nats_server import NatsServer, until


async def settle(bus: Bus, *tokens: str) -> None:
    """Store one settlement, its subject as its data."""
    subject = ".".join(("settlements", *tokens))
    await store(bus, "SETTLEMENTS", subject, subject.encode())


async def test_last_for_gives_the_newest_of_a_subject(bus: Bus, streams: StreamLimits) -> None:
    """With its sequence, its subject, its data and the time it was stored."""
    await store(bus, "PAYMENTS", "payments.accepted.p1", b"old")
    await store(bus, "PAYMENTS", "payments.accepted.p1", b"new", message_id="x")
    await store(bus, "PAYMENTS", "payments.accepted.p2", b"other")
    found = await last_for(bus, "PAYMENTS", "payments.accepted.p1")
    assert found is not None
    assert (found.seq, found.subject, found.data) == (2, "payments.accepted.p1", b"new")
    assert abs(found.stored_at - datetime.now(UTC)) < timedelta(minutes=5)


async def test_last_for_takes_wildcards(bus: Bus, streams: StreamLimits) -> None:
    """One look-up tells whether a payment was settled or refused, wherever."""
    await settle(bus, "settled", "default", "p1")
    await settle(bus, "refused", "fallback", "p2")
    await settle(bus, "cleared")
    for payment_id, seq in (("p1", 1), ("p2", 2)):
        found = await last_for(bus, "SETTLEMENTS", f"settlements.*.*.{payment_id}")
        assert found is not None
        assert found.seq == seq


@pytest.mark.parametrize("subject", ["settlements.settled.default.p2", "settlements.*.*.p2", "payments.accepted.p1"])
async def test_last_for_is_none_where_there_is_none(bus: Bus, streams: StreamLimits, subject: str) -> None:
    """Not there is an answer, be the stream empty or full of others."""
    assert await last_for(bus, "SETTLEMENTS", subject) is None
    await settle(bus, "settled", "default", "p1")
    assert await last_for(bus, "SETTLEMENTS", subject) is None


async def test_a_message_without_data_is_found(bus: Bus, streams: StreamLimits) -> None:
    """An empty message is a message."""
    await store(bus, "SETTLEMENTS", "settlements.cleared", b"")
    found = await last_for(bus, "SETTLEMENTS", "settlements.cleared")
    assert found is not None
    assert found.data == b""


async def test_first_from_walks_a_subject(bus: Bus, streams: StreamLimits) -> None:
    """From any sequence, over those of other subjects, to the end."""
    for payment_id in ("p1", "p2", "p3"):
        await settle(bus, "settled", "default", payment_id)
        await settle(bus, "refused", "default", payment_id)
    seen = []
    seq = 1
    while found := await first_from(bus, "SETTLEMENTS", seq, "settlements.settled.*.*"):
        seen.append(found.seq)
        seq = found.seq + 1
    assert seen == [1, 3, 5]


async def test_first_from_passes_over_what_was_deleted(bus: Bus, streams: StreamLimits) -> None:
    """A sequence that no longer exists is no end."""
    for payment_id in ("p1", "p2", "p3"):
        await settle(bus, "settled", "default", payment_id)
    await api.call(bus, "STREAM.MSG.DELETE.SETTLEMENTS", {"seq": 2})
    found = await first_from(bus, "SETTLEMENTS", 2, "settlements.>")
    assert found is not None
    assert found.seq == 3


async def test_a_lookup_fails_where_there_is_no_stream(bus: Bus) -> None:
    """Nobody answers: it may be there or not."""
    with pytest.raises(BusAwayError):
        await last_for(bus, "PAYMENTS", "payments.accepted.p1")
    with pytest.raises(api.ApiError) as raised:
        await stream_state(bus, "PAYMENTS")
    assert raised.value.code in api.NOT_FOUND


async def test_a_lookup_fails_where_the_server_refuses_it(bus: Bus, streams: StreamLimits) -> None:
    """A status that is not 404 is not taken for absence."""
    with pytest.raises(BusAwayError, match="unreadable"):
        await last_for(bus, "SETTLEMENTS", "")


async def test_a_lookup_fails_while_away_and_finds_it_afterwards(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits
) -> None:
    """What was stored survives kill -9 of the server."""
    await settle(bus, "settled", "default", "p1")
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    with pytest.raises(BusAwayError):
        await last_for(bus, "SETTLEMENTS", "settlements.*.*.p1")
    nats_server.start()
    await until(lambda: bus.is_connected, "the reconnect")
    assert await last_for(bus, "SETTLEMENTS", "settlements.*.*.p1") is not None


@pytest.mark.parametrize(
    ("text", "micros"),
    [("2026-11-22T11:17:46Z", 0), ("2026-11-22T11:17:46.7Z", 700_000), ("2026-11-22T11:17:46.123456789Z", 123_456)],
)
def test_times_of_the_server_have_any_number_of_digits(text: str, micros: int) -> None:
    """The server leaves trailing zeros out."""
    assert _time(text) == datetime(2026, 11, 22, 11, 17, 46, micros, tzinfo=UTC)


async def test_states_of_stream_and_consumer(bus: Bus, streams: StreamLimits) -> None:
    """Of an empty stream, and of one with a backlog."""
    await ensure_dispatcher(bus, max_ack_pending=10, ack_wait_s=30)
    state = await stream_state(bus, "PAYMENTS")
    assert (state.messages, state.last_seq) == (0, 0)
    for number in range(3):
        await store(bus, "PAYMENTS", f"payments.accepted.{number}", b"x")
    assert (await stream_state(bus, "PAYMENTS")).last_seq == 3
    consumer = await consumer_state(bus, "PAYMENTS", "dispatcher")
    assert (consumer.delivered_seq, consumer.pending) == (0, 3)
