"""Looking messages up by their subject."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.bus.jetstream import api, lookup
from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.lookup import first_from, last_for, last_for_each
from services.bus.jetstream.publish import store
from services.bus.jetstream.state import consumer_state, stream_state
from services.bus.jetstream.stored_message import time_from_text
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from tests.nats_server import PATIENCE_S, NatsServer, until


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
    """One look-up shows whether a payment was settled or refused, at any processor."""
    await settle(bus, "settled", "default", "p1")
    await settle(bus, "refused", "fallback", "p2")
    await settle(bus, "cleared")
    for payment_id, seq in (("p1", 1), ("p2", 2)):
        found = await last_for(bus, "SETTLEMENTS", f"settlements.*.*.{payment_id}")
        assert found is not None
        assert found.seq == seq


@pytest.mark.parametrize("subject", ["settlements.settled.default.p2", "settlements.*.*.p2", "payments.accepted.p1"])
async def test_last_for_is_none_where_there_is_none(bus: Bus, streams: StreamLimits, subject: str) -> None:
    """Not there is an answer, whether the stream is empty or full of others."""
    assert await last_for(bus, "SETTLEMENTS", subject) is None
    await settle(bus, "settled", "default", "p1")
    assert await last_for(bus, "SETTLEMENTS", subject) is None


async def test_a_message_without_data_is_found(bus: Bus, streams: StreamLimits) -> None:
    """An empty message is a message."""
    await store(bus, "SETTLEMENTS", "settlements.cleared", b"")
    found = await last_for(bus, "SETTLEMENTS", "settlements.cleared")
    assert found is not None
    assert found.data == b""


async def test_last_for_each_gives_the_newest_of_every_subject_that_is_there(bus: Bus, streams: StreamLimits) -> None:
    """Several may match one subject, and a subject asked for twice is one."""
    await settle(bus, "settled", "default", "p1")
    await settle(bus, "settled", "default", "p1")
    await settle(bus, "settled", "fallback", "p1")
    await settle(bus, "refused", "default", "p2")
    await settle(bus, "settled", "default", "p3")
    asked = [f"settlements.*.*.{payment_id}" for payment_id in ("p2", "p1", "none", "p2")]
    found = await last_for_each(bus, "SETTLEMENTS", asked)
    assert [(stored.seq, stored.subject) for stored in found] == [
        (2, "settlements.settled.default.p1"),
        (3, "settlements.settled.fallback.p1"),
        (4, "settlements.refused.default.p2"),
    ]
    assert [stored.data for stored in found] == [stored.subject.encode() for stored in found]


async def test_last_for_each_is_empty_where_none_is_there(bus: Bus, streams: StreamLimits) -> None:
    """Not there is an answer, whether the stream is empty or full of others; asking for nothing finds nothing."""
    assert await last_for_each(bus, "SETTLEMENTS", ["settlements.*.*.p1", "settlements.*.*.p2"]) == []
    await settle(bus, "settled", "default", "p3")
    assert await last_for_each(bus, "SETTLEMENTS", ["settlements.*.*.p1", "settlements.*.*.p2"]) == []
    assert await last_for_each(bus, "SETTLEMENTS", []) == []


async def test_last_for_each_takes_any_number_at_once(bus: Bus, streams: StreamLimits) -> None:
    """More than fit into one request, and from many concurrent callers: none gets another's answer."""
    for number in range(230):
        await settle(bus, "settled", "default", f"p{number}")
    everything = [f"settlements.*.*.p{number}" for number in range(230)]
    some = [everything[number : number + 7] for number in range(0, 70, 7)]
    before = len(bus.client._subs)
    found, *others = await asyncio.gather(*(last_for_each(bus, "SETTLEMENTS", asked) for asked in [everything, *some]))
    assert [stored.seq for stored in found] == list(range(1, 231))
    assert [[stored.seq for stored in other] for other in others] == [
        list(range(number + 1, number + 8)) for number in range(0, 70, 7)
    ]
    assert len(bus.client._subs) == before
    assert not bus._requests._parts


async def test_last_for_each_fails_where_too_many_are_there(bus: Bus, streams: StreamLimits) -> None:
    """A partial answer is an error: the server refuses, or says how many are still to come."""
    for number in range(4):
        await settle(bus, "settled", "default", f"p{number}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup, "_MESSAGES_MAX", 3)
        with pytest.raises(BusUnavailableError, match="incomplete answer: 3 messages"):
            await last_for_each(bus, "SETTLEMENTS", ["settlements.>"])
    await asyncio.gather(*(settle(bus, "settled", "default", f"p{number}") for number in range(4, 1030)))
    with pytest.raises(BusUnavailableError, match="Too Many Results"):
        await last_for_each(bus, "SETTLEMENTS", ["settlements.>"])


@pytest.mark.parametrize(
    ("end", "messages"),
    [
        ("404 No Results", 1),
        ("404 Message Not Found", 0),
        ("408 Bad Request", 0),
        ("204 EOB", 1),
    ],
)
async def test_last_for_each_fails_where_the_answer_may_be_a_part(bus: Bus, end: str, messages: int) -> None:
    """Only a 204 with nothing left, or a 404 of the whole request, ends an answer."""
    head = f"NATS/1.0 {end}\r\n\r\n".encode()
    found = b"NATS/1.0\r\nNats-Sequence: 1\r\nNats-Subject: s\r\nNats-Time-Stamp: 2026-11-22T11:17:46Z\r\n\r\n"

    def answer(asked: Message) -> None:
        for _ in range(messages):
            bus._requests.on_answer(Message(asked.reply, "", b"x", found))
        bus._requests.on_answer(Message(asked.reply, "", b"", head))

    await bus.subscribe("$JS.API.DIRECT.GET.NONE", answer)
    with pytest.raises(BusUnavailableError, match="incomplete"):
        await last_for_each(bus, "NONE", ["s"])


async def test_last_for_each_fails_where_no_answer_comes(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No stream, no end, no server: they may be there or not; late answers are dropped."""
    with pytest.raises(BusUnavailableError, match="no service answers"):
        await last_for_each(bus, "NONE", ["s"])
    await settle(bus, "settled", "default", "p1")
    monkeypatch.setattr(lookup, "LOOKUP_TIMEOUT_S", 0.1)
    nats_server.freeze()
    with pytest.raises(BusUnavailableError, match="no answer within"):
        await last_for_each(bus, "SETTLEMENTS", ["settlements.>"])
    nats_server.thaw()
    await bus.round_trip(PATIENCE_S)
    monkeypatch.setattr(lookup, "LOOKUP_TIMEOUT_S", PATIENCE_S)
    assert len(await last_for_each(bus, "SETTLEMENTS", ["settlements.>"])) == 1
    nats_server.freeze()
    asking = asyncio.create_task(last_for_each(bus, "SETTLEMENTS", ["settlements.>"]))
    await asyncio.sleep(0)
    nats_server.kill()
    with pytest.raises(BusUnavailableError):
        await asyncio.wait_for(asking, PATIENCE_S)
    assert not bus._requests._parts


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


async def test_first_from_skips_deleted_messages(bus: Bus, streams: StreamLimits) -> None:
    """A deleted sequence is not the end."""
    for payment_id in ("p1", "p2", "p3"):
        await settle(bus, "settled", "default", payment_id)
    await api.call(bus, "STREAM.MSG.DELETE.SETTLEMENTS", {"seq": 2})
    found = await first_from(bus, "SETTLEMENTS", 2, "settlements.>")
    assert found is not None
    assert found.seq == 3


async def test_a_lookup_fails_where_there_is_no_stream(bus: Bus) -> None:
    """There is no responder: the message may be there or not."""
    with pytest.raises(BusUnavailableError):
        await last_for(bus, "PAYMENTS", "payments.accepted.p1")
    with pytest.raises(api.ApiError) as raised:
        await stream_state(bus, "PAYMENTS")
    assert raised.value.code in api.NOT_FOUND


async def test_a_lookup_fails_where_the_server_refuses_it(bus: Bus, streams: StreamLimits) -> None:
    """A status that is not 404 is not taken for absence."""
    with pytest.raises(BusUnavailableError, match="unreadable"):
        await last_for(bus, "SETTLEMENTS", "")


async def test_a_lookup_fails_while_away_and_finds_it_afterwards(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits
) -> None:
    """What was stored survives kill -9 of the server."""
    await settle(bus, "settled", "default", "p1")
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    with pytest.raises(BusUnavailableError):
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
    assert time_from_text(text) == datetime(2026, 11, 22, 11, 17, 46, micros, tzinfo=UTC)


async def test_states_of_stream_and_consumer(bus: Bus, streams: StreamLimits) -> None:
    """Of an empty stream, and of one with a backlog."""
    await ensure_dispatcher(bus, ack_wait_s=30)
    state = await stream_state(bus, "PAYMENTS")
    assert (state.messages, state.last_seq) == (0, 0)
    for number in range(3):
        await store(bus, "PAYMENTS", f"payments.accepted.{number}", b"x")
    assert (await stream_state(bus, "PAYMENTS")).last_seq == 3
    consumer = await consumer_state(bus, "PAYMENTS", "dispatcher")
    assert (consumer.delivered_seq, consumer.pending) == (0, 3)
