"""The streams as they must be: made where missing, updated where that is safe, otherwise the start stops.

Reasons of the settings are in the README ("How to look into the streams") and beside each line here.
"""

import logging
from dataclasses import dataclass
from typing import Any

from services.bus import api
from services.bus.connection import Bus
from services.contracts import subjects

SECOND_NS = 1_000_000_000
PULLS_WAITING_MAX = 4_096  # a pull may ask for one message only, so there may be as many as payments in flight
REPLICAS = 1  # all that is supported; `cluster` refuses the servers for which it is too few
ACK_PENDING_MAX = 50_000  # in all hands, and given back to come again later: a bound that is never to be met
SNAPSHOT_SHARE = 4  # of the bytes of SETTLEMENTS: 1 in 4
ASSIGNMENTS_BYTES_MAX = 256 * 1024**2  # a million payments in hand or in doubt
SNAPSHOT_BYTES_LEAST = 1024**2  # a snapshot of a small book has its chunks and manifest too

# Nothing stored depends on these, or only more is kept than before.
SAFE_TO_UPDATE = frozenset({"description", "max_msgs", "max_bytes", "max_age", "duplicate_window", "allow_direct"})

log = logging.getLogger("tarifa.bus")


class StreamMismatchError(Exception):
    """A stream exists with a configuration that cannot be changed safely. A person must decide; do not start."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What operators may set: messages in PAYMENTS, seconds of its deduplication, bytes of SETTLEMENTS, replicas."""

    backlog_max: int
    idempotency_window_s: int
    settlements_bytes_max: int
    lease_s: int
    replicas: int = REPLICAS


def wanted(limits: StreamLimits) -> list[dict[str, Any]]:
    """Return the configuration of every stream, in the words of the JetStream API."""
    common: dict[str, Any] = {
        "storage": "file",
        "num_replicas": limits.replicas,
        "allow_direct": True,
        "discard": "new",
    }
    bucket: dict[str, Any] = {**common, "retention": "limits", "max_msgs_per_subject": 1}
    bucket |= {"allow_rollup_hdrs": True, "deny_delete": True}  # what the nats CLI expects of a key-value bucket
    return [
        {
            **common,
            "name": subjects.PAYMENTS,
            "description": "accepted and not yet settled: its length is the backlog",
            "subjects": [subjects.PAYMENTS_ALL],
            "retention": "workqueue",  # an acked payment leaves: the length is the backlog
            "max_msgs": limits.backlog_max,
            "max_age": 0,  # an unsettled payment must never expire
            "duplicate_window": limits.idempotency_window_s * SECOND_NS,
        },
        {
            **common,
            "name": subjects.SETTLEMENTS,
            "description": "what was charged or refused, where and when; nothing leaves",
            "subjects": [subjects.SETTLEMENTS_ALL],
            "retention": "limits",
            "max_bytes": limits.settlements_bytes_max,
            "max_age": 0,
        },
        {
            **common,
            "name": subjects.LEDGER_SNAPSHOTS,
            "description": "the ledger's book as of a settlement: saves it reading them all",
            "subjects": [subjects.SNAPSHOTS_ALL],
            "retention": "limits",
            "max_msgs_per_subject": 1,  # a manifest replaces the one before; half a snapshot is written over
            # An entry takes about a tenth of its settlement's bytes here, for a moment twice: never the one that fills.
            "max_bytes": max(limits.settlements_bytes_max // SNAPSHOT_SHARE, SNAPSHOT_BYTES_LEAST),
            "max_age": 0,
        },
        {
            **common,
            "name": subjects.ASSIGNMENTS,
            "description": "who may send which payment where; as long as what is in hand or in doubt",
            "subjects": [subjects.ASSIGNMENTS_ALL],
            "retention": "limits",
            "max_bytes": ASSIGNMENTS_BYTES_MAX,  # full: nothing new is sent, and what is under way makes room
            "max_age": 0,  # a line goes when its payments are settled, never because it is old
        },
        {
            **bucket,
            "name": f"KV_{subjects.PROCESSORS}",
            "description": "by processor: URL, fee, and the generation that lines in ASSIGNMENTS name",
            "subjects": [f"$KV.{subjects.PROCESSORS}.>"],
            "max_age": 0,
        },
        {
            **bucket,
            "name": f"KV_{subjects.LEASES}",
            "description": "by processor: which dispatcher asks for its health",
            "subjects": [f"$KV.{subjects.LEASES}.>"],
            "max_age": limits.lease_s * SECOND_NS,  # a holder that does not renew has lost it
            "duplicate_window": limits.lease_s * SECOND_NS,  # the server wants it no longer than max_age
        },
    ]


async def ensure_streams(bus: Bus, limits: StreamLimits) -> None:
    """Make or update every stream; any number of services may do it at once.

    Raises:
        StreamMismatchError: names the stream, the field, and both values.
        ApiError, BusAwayError: as of the API.
    """
    for config in wanted(limits):
        await _ensure(bus, config)


async def _ensure(bus: Bus, config: dict[str, Any]) -> None:
    name = config["name"]
    try:
        found = (await api.call(bus, f"STREAM.INFO.{name}"))["config"]
    except api.ApiError as error:
        if error.code not in api.NOT_FOUND:
            raise
        # Nothing can have been lost of a stream that this very process of the server has had from its beginning.
        begun = {"metadata": {"server": bus.server_id}} if name == subjects.PAYMENTS else {}
        try:
            await api.call(bus, f"STREAM.CREATE.{name}", config | begun)
        except api.ApiError as refused:
            # Another service created it at the same moment, and then wrote the home into it, or has other limits.
            if refused.code != api.EXISTS_DIFFERENTLY:
                raise
            await _ensure(bus, config)
        return
    differing = {field: value for field, value in config.items() if _plain(found.get(field)) != _plain(value)}
    for field, value in differing.items():
        if field not in SAFE_TO_UPDATE:
            raise StreamMismatchError(f"stream {name} has {field} = {found.get(field)!r}, but {value!r} is needed")
    if differing:
        await api.call(bus, f"STREAM.UPDATE.{name}", {**found, **differing})


def _plain(value: Any) -> Any:
    # The server leaves out what is zero or false, and says -1 for a limit that is not set.
    return None if value in (0, -1, False, None) else value


async def ensure_dispatcher(bus: Bus, *, ack_wait_s: int) -> None:
    """Make or update the durable consumer that all dispatchers share. Its state decides nothing: it may be lost.

    Where its file on the server is damaged it is made without one: no request has the server let go of such a file.

    Raises:
        ApiError, BusAwayError: as of the API.
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
        "ack_wait": ack_wait_s * SECOND_NS,
        # Of a consumer that exists these cannot be changed.
        "max_waiting": found.get("max_waiting", PULLS_WAITING_MAX),
        "mem_storage": found.get("mem_storage", False),
    }
    if all(_plain(found.get(field)) == _plain(value) for field, value in config.items()):
        return
    try:
        await _create_consumer(bus, path, config)
    except api.ApiError as error:
        # Not only where the file is damaged: another dispatcher may have found that and been quicker.
        if found or error.code != api.CONSUMER_NOT_MADE:
            raise
        await _create_consumer(bus, path, {**config, "mem_storage": True})
        log.error("dispatcher.consumer_without_file", extra={"error": str(error)})  # noqa: TRY400  # no bug of ours


async def _create_consumer(bus: Bus, path: str, config: dict[str, Any]) -> None:
    await api.call(bus, f"CONSUMER.CREATE.{path}", {"stream_name": subjects.PAYMENTS, "config": config})
