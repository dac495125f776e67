"""The durable consumer that all dispatchers share. Its state decides nothing: it may be lost, and is created again."""

import logging
from typing import Any

from services.bus.jetstream import api
from services.bus.wire.connection import Bus
from services.contracts import subjects

SECOND_NS = 1_000_000_000
PULLS_WAITING_MAX = 4_096  # a pull may ask for a single message, so there may be as many as payments in flight
ACK_PENDING_MAX = 50_000  # in all hands, or to be redelivered later: a bound that is never reached

log = logging.getLogger("tarifa.bus")


def plain(value: Any) -> Any:
    """Return a field in comparable form: the server leaves out zero and false, and writes -1 for no limit."""
    return None if value in (0, -1, False, None) else value


async def drop_dispatcher(bus: Bus) -> None:
    """Delete the consumer of a stream that gets more replicas; a dispatcher creates it again.

    An existing one would stay on its one node (2.15.1: with no group of its own, whatever its configuration says), and
    when that node dies neither it nor the stream finds a leader.
    """
    try:
        await api.call(bus, f"CONSUMER.DELETE.{subjects.PAYMENTS}.{subjects.DISPATCHER}")
    except api.ApiError as error:
        if error.code not in api.NOT_FOUND:
            raise


async def ensure_dispatcher(bus: Bus, *, ack_wait_s: int) -> None:
    """Create or update the durable consumer that all dispatchers share. Nothing depends on its state: it may be lost.

    Where its file on the server is damaged it is created without a file: no request makes the server drop that one.

    Raises:
        ApiError, BusUnavailableError: from the API.
    """
    path = f"{subjects.PAYMENTS}.{subjects.DISPATCHER}"
    try:
        found = (await api.call(bus, f"CONSUMER.INFO.{path}"))["config"]
    except api.ApiError as error:
        if error.code not in api.NOT_FOUND:
            raise
        found = {}
    config = {
        "durable_name": subjects.DISPATCHER,
        "name": subjects.DISPATCHER,
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "replay_policy": "instant",
        "max_deliver": -1,
        "max_ack_pending": ACK_PENDING_MAX,
        "num_replicas": bus.replicas if bus.replicas > 1 else 0,  # 0: as many as the stream
        "ack_wait": ack_wait_s * SECOND_NS,
        # These cannot be changed once the consumer exists.
        "max_waiting": found.get("max_waiting", PULLS_WAITING_MAX),
        "mem_storage": found.get("mem_storage", False),
    }
    if all(plain(found.get(field)) == plain(value) for field, value in config.items()):
        return
    try:
        await _create_consumer(bus, path, config)
    except api.ApiError as error:
        # Not only where the file is damaged: another dispatcher may have been faster to create it.
        if found or error.code != api.CONSUMER_NOT_CREATED:
            raise
        await _create_consumer(bus, path, {**config, "mem_storage": True})
        log.error("dispatcher.consumer_without_file", extra={"error": str(error)})  # noqa: TRY400  # not a bug


async def _create_consumer(bus: Bus, path: str, config: dict[str, Any]) -> None:
    await api.call(bus, f"CONSUMER.CREATE.{path}", {"stream_name": subjects.PAYMENTS, "config": config})
