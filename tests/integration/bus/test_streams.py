"""The streams are created as they must be, by any number of services at once, and never changed unsafely."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.publish import StoredAt, StreamFull, store
from services.bus.jetstream.state import consumer_state, stream_state
from services.bus.jetstream.streams import StreamLimits, StreamMismatchError, ensure_streams, wanted
from services.bus.wire.connection import Bus
from tests.conftest import LIMITS
from tests.integration.bus.conftest import Connect
from tests.nats_server import NatsServer, until

CONSUMER_FOLDER = "store/jetstream/$G/streams/PAYMENTS/obs/dispatcher"
NAMES = [config["name"] for config in wanted(LIMITS)]


async def config_of(bus: Bus, stream: str) -> dict[str, Any]:
    """Return the server's configuration of a stream."""
    config: dict[str, Any] = (await api.call(bus, f"STREAM.INFO.{stream}"))["config"]
    return config


async def accept(bus: Bus, payment_id: str) -> None:
    """Store one payment."""
    result = await store(bus, "PAYMENTS", f"payments.accepted.{payment_id}", b"{}", message_id=payment_id)
    assert isinstance(result, StoredAt)


async def test_ensure_streams_creates_all_of_them(bus: Bus, streams: StreamLimits) -> None:
    """Each wanted field is then the server's."""
    for config in wanted(streams):
        found = await config_of(bus, config["name"])
        for field, value in config.items():
            assert found.get(field) in (value, value or -1), (config["name"], field)


async def test_ensure_streams_twice_changes_nothing(bus: Bus, streams: StreamLimits) -> None:
    """A service that restarts finds what it needs."""
    before = [await config_of(bus, name) for name in NAMES]
    await ensure_streams(bus, streams)
    assert [await config_of(bus, name) for name in NAMES] == before


async def test_ensure_streams_at_once_from_several_connections(bus: Bus, connect: Connect) -> None:
    """All services may start at the same moment."""
    buses = [bus] + [await connect() for _ in range(4)]
    await asyncio.gather(*(ensure_streams(each, LIMITS) for each in buses))
    assert [(await config_of(bus, name))["name"] for name in NAMES] == NAMES


async def test_ensure_streams_at_once_with_different_limits(bus: Bus, connect: Connect) -> None:
    """The loser of the race to create a stream updates it; one of the two limits holds."""
    buses = [bus] + [await connect() for _ in range(4)]
    limits = [replace(LIMITS, backlog_max=1000 + number) for number, _ in enumerate(buses)]
    await asyncio.gather(*(ensure_streams(each, mine) for each, mine in zip(buses, limits, strict=True)))
    assert (await config_of(bus, "PAYMENTS"))["max_msgs"] in {each.backlog_max for each in limits}


async def test_a_stream_created_meanwhile_is_not_an_error(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking and creating another service may have created the stream, with other limits."""
    call = api.call
    blind = ["STREAM.INFO.PAYMENTS"]

    async def call_that_looks_too_early(bus: Bus, subject: str, request: dict[str, Any] | None = None) -> Any:
        if subject in blind:
            blind.remove(subject)
            await ensure_streams(bus, replace(LIMITS, backlog_max=7))
            raise api.ApiError(10059, "stream not found")
        return await call(bus, subject, request)

    monkeypatch.setattr(api, "call", call_that_looks_too_early)
    await ensure_streams(bus, LIMITS)
    assert (await config_of(bus, "PAYMENTS"))["max_msgs"] == LIMITS.backlog_max


async def test_limits_are_updated_where_safe(bus: Bus, streams: StreamLimits) -> None:
    """An operator changes a limit by its setting."""
    changed = StreamLimits(backlog_max=7, idempotency_window_s=60, settlements_bytes_max=1 << 20, lease_s=5)
    await ensure_streams(bus, changed)
    payments = await config_of(bus, "PAYMENTS")
    assert payments["max_msgs"] == 7
    assert payments["duplicate_window"] == 60 * 10**9
    assert (await config_of(bus, "SETTLEMENTS"))["max_bytes"] == 1 << 20
    assert (await config_of(bus, "KV_leases"))["max_age"] == 5 * 10**9


async def test_a_lowered_limit_drops_nothing_that_is_stored(bus: Bus, streams: StreamLimits) -> None:
    """A limit below what is stored only rejects new messages."""
    for number in range(10):
        await accept(bus, f"p{number}")
    for number in range(2000):
        assert isinstance(await store(bus, "SETTLEMENTS", f"settlements.settled.a.{number}", b"x" * 600), StoredAt)
    await ensure_streams(bus, replace(streams, backlog_max=5, settlements_bytes_max=1_000_000))
    assert (await stream_state(bus, "PAYMENTS")).messages == 10
    assert (await stream_state(bus, "SETTLEMENTS")).messages == 2000
    assert isinstance(await store(bus, "PAYMENTS", "payments.accepted.new", b"{}"), StreamFull)
    assert isinstance(await store(bus, "SETTLEMENTS", "settlements.settled.a.new", b"{}"), StreamFull)


@pytest.mark.parametrize(
    ("stream", "field", "value"),
    [
        ("PAYMENTS", "retention", "limits"),
        ("PAYMENTS", "discard", "old"),
        ("PAYMENTS", "storage", "memory"),
        ("PAYMENTS", "subjects", ["payments.accepted.>", "others.>"]),
        ("SETTLEMENTS", "discard", "old"),
        ("KV_processors", "max_msgs_per_subject", 5),
    ],
)
async def test_a_mismatch_that_is_not_safe_to_change_names_stream_and_field(
    bus: Bus, stream: str, field: str, value: object
) -> None:
    """A person must decide, and reads what differs."""
    config = next(config for config in wanted(LIMITS) if config["name"] == stream)
    await api.call(bus, f"STREAM.CREATE.{stream}", {**config, field: value})
    with pytest.raises(StreamMismatchError, match=rf"{stream} has {field} = .*needed"):
        await ensure_streams(bus, LIMITS)
    assert (await config_of(bus, stream))[field] == value


async def test_an_expiry_set_by_hand_is_removed_from_payments(bus: Bus, streams: StreamLimits) -> None:
    """An unsettled payment must never expire."""
    config = await config_of(bus, "PAYMENTS")
    await api.call(bus, "STREAM.UPDATE.PAYMENTS", {**config, "max_age": 3600 * 10**9})
    await ensure_streams(bus, streams)
    assert (await config_of(bus, "PAYMENTS")).get("max_age", 0) == 0


async def test_streams_survive_a_killed_server(nats_server: NatsServer, bus: Bus, streams: StreamLimits) -> None:
    """What was made is on disk."""
    await accept(bus, "p1")
    nats_server.restart()
    await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
    await ensure_streams(bus, streams)
    assert (await stream_state(bus, "PAYMENTS")).messages == 1


async def consumer_config(bus: Bus) -> dict[str, Any]:
    """Return the server's configuration of the dispatchers' consumer."""
    config: dict[str, Any] = (await api.call(bus, "CONSUMER.INFO.PAYMENTS.dispatcher"))["config"]
    return config


async def test_ack_wait_follows_its_setting(bus: Bus, streams: StreamLimits) -> None:
    """An operator changes it by starting the dispatcher with another value."""
    await ensure_dispatcher(bus, ack_wait_s=30)
    await ensure_dispatcher(bus, ack_wait_s=60)
    assert (await consumer_config(bus))["ack_wait"] == 60 * 10**9


async def test_ensure_dispatcher_at_once_from_several_connections(
    bus: Bus, streams: StreamLimits, connect: Connect
) -> None:
    """All dispatchers may start at the same moment."""
    buses = [bus] + [await connect() for _ in range(4)]
    await asyncio.gather(*(ensure_dispatcher(each, ack_wait_s=30) for each in buses))
    assert (await consumer_config(bus))["max_deliver"] == -1


async def test_a_consumer_with_fewer_pulls_waiting_is_kept(bus: Bus, streams: StreamLimits) -> None:
    """That number cannot be changed, and must not stop the start."""
    config = {"durable_name": "dispatcher", "name": "dispatcher", "ack_policy": "explicit", "max_waiting": 512}
    request = {"stream_name": "PAYMENTS", "config": config}
    await api.call(bus, "CONSUMER.CREATE.PAYMENTS.dispatcher", request)
    await ensure_dispatcher(bus, ack_wait_s=30)
    assert (await consumer_config(bus))["max_waiting"] == 512


@pytest.mark.parametrize(
    "damage",
    [("o.dat", bytes(19)), ("o.dat", b"\x16\x02" + b"\xff" * 40), ("o.dat", b""), ("meta.inf", bytes(300))],
    ids=["state_zeroed", "state_unreadable", "state_empty", "settings_zeroed"],
)
async def test_a_damaged_consumer_is_created_again(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, connect: Connect, damage: tuple[str, bytes]
) -> None:
    """Whatever is in its files after a crash, dispatchers start, concurrently, and after the next crash again."""
    await ensure_dispatcher(bus, ack_wait_s=30)
    await accept(bus, "p1")
    for crashes in (1, 2):
        nats_server.kill()
        name, what = damage
        (nats_server.folder / CONSUMER_FOLDER / name).write_bytes(what)
        nats_server.start()
        await until(lambda crashes=crashes: bus.reconnects == crashes and bus.is_connected, "the reconnect")
        buses = [bus] + [await connect() for _ in range(4)]
        await asyncio.gather(*(ensure_dispatcher(each, ack_wait_s=30) for each in buses))
        assert (await consumer_state(bus, "PAYMENTS", "dispatcher")).pending == 1
        await ensure_dispatcher(bus, ack_wait_s=60)
        assert (await consumer_config(bus))["ack_wait"] == 60 * 10**9
    assert (await stream_state(bus, "PAYMENTS")).messages == 1


async def test_a_damaged_consumer_is_logged(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, caplog: pytest.LogCaptureFixture
) -> None:
    """Once per crash, by the dispatcher that creates it without its file; an undamaged one is not logged."""
    await ensure_dispatcher(bus, ack_wait_s=30)
    nats_server.restart()
    await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
    await ensure_dispatcher(bus, ack_wait_s=30)
    assert "dispatcher.consumer_without_file" not in caplog.messages
    nats_server.kill()
    (nats_server.folder / CONSUMER_FOLDER / "o.dat").write_bytes(bytes(19))
    nats_server.start()
    await until(lambda: bus.reconnects == 2 and bus.is_connected, "the reconnect")
    for _ in range(2):
        await ensure_dispatcher(bus, ack_wait_s=30)
    assert caplog.messages.count("dispatcher.consumer_without_file") == 1
