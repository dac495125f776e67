"""The streams as they must be: created where missing, updated where that is safe, otherwise the start fails.

The reasons for the settings are in docs/nats.md ("Look into the streams") and beside each line here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from services.bus.jetstream import api
from services.bus.jetstream.consumer import SECOND_NS, drop_dispatcher, plain
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.history import KEPT_S

SNAPSHOT_SHARE = 4  # of the bytes of SETTLEMENTS: 1 in 4
ASSIGNMENTS_BYTES_MAX = 256 * 1024**2  # a million payments in hand or in doubt
OPERATIONS_BYTES_MAX = 64 * 1024**2  # about a hundred thousand operations
VITALS_BYTES_MAX = 8 * 1024**2  # three times what 25 hours take
SNAPSHOT_BYTES_LEAST = 1024**2  # a snapshot of a small book has its chunks and manifest too

# Nothing stored depends on these, or only more is kept than before.
SAFE_TO_UPDATE = frozenset({"description", "max_msgs", "max_bytes", "max_age", "duplicate_window", "allow_direct"})

WHY_NOT_FEWER = " by NATS_REPLICAS: that would drop copies of what is stored; set it to what the stream has"

MADE_BY_OTHERS = "dispatcher and ledger create and update streams when they start: start one with the same settings"


class StreamMismatchError(Exception):
    """A stream exists with a configuration that cannot be changed safely. A person must decide; do not start."""


class NotMadeYetError(Exception):
    """A stream is missing or has other limits, and this user may not change that; wait for a service that may."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Settings of operators: messages in PAYMENTS, seconds of its deduplication, bytes of SETTLEMENTS, replicas.

    ``operations_bytes_max``: bytes of OPERATIONS, from which nothing is ever deleted.
    """

    backlog_max: int
    idempotency_window_s: int
    settlements_bytes_max: int
    lease_s: int
    replicas: int = 1
    operations_bytes_max: int = OPERATIONS_BYTES_MAX


def wanted(limits: StreamLimits) -> list[dict[str, Any]]:
    """Return the configuration of every stream, in the format of the JetStream API."""
    return [*_of_payments(limits), *_of_records(limits), *_of_buckets(limits)]


def _common(limits: StreamLimits) -> dict[str, Any]:
    return {"storage": "file", "num_replicas": limits.replicas, "allow_direct": True, "discard": "new"}


def _of_payments(limits: StreamLimits) -> list[dict[str, Any]]:
    """Return the streams of payments: what waits, what was charged, and the ledger's snapshots."""
    common = _common(limits)
    return [
        {
            **common,
            "name": subjects.PAYMENTS,
            "description": "accepted payments that are not settled yet: the backlog",
            "subjects": [subjects.PAYMENTS_ALL],
            "retention": "workqueue",  # an acked payment is deleted: the length is the backlog
            "max_msgs": limits.backlog_max,
            "max_age": 0,  # an unsettled payment must never expire
            "duplicate_window": limits.idempotency_window_s * SECOND_NS,
        },
        {
            **common,
            "name": subjects.SETTLEMENTS,
            "description": "what was charged or refused, where and when; never deleted",
            "subjects": [subjects.SETTLEMENTS_ALL],
            "retention": "limits",
            "max_bytes": limits.settlements_bytes_max,
            "max_age": 0,
        },
        {
            **common,
            "name": subjects.LEDGER_SNAPSHOTS,
            "description": "the ledger's book, so that a restart need not read all settlements",
            "subjects": [subjects.SNAPSHOTS_ALL],
            "retention": "limits",
            "max_msgs_per_subject": 1,  # a manifest replaces the one before; half a snapshot is overwritten
            # An entry takes about a tenth of its settlement's bytes here, twice for a moment: it never fills up first.
            "max_bytes": max(limits.settlements_bytes_max // SNAPSHOT_SHARE, SNAPSHOT_BYTES_LEAST),
            "max_age": 0,
        },
    ]


def _of_records(limits: StreamLimits) -> list[dict[str, Any]]:
    """Return the streams of records: assignments of payments, operations of operators, and samples of the vitals."""
    common = _common(limits)
    return [
        {
            **common,
            "name": subjects.ASSIGNMENTS,
            "description": "which dispatcher may send which payment where; deleted once settled",
            "subjects": [subjects.ASSIGNMENTS_ALL],
            "retention": "limits",
            "max_bytes": ASSIGNMENTS_BYTES_MAX,  # full: nothing new is sent, and what is under way makes room
            "max_age": 0,  # a line is deleted when its payments are settled, never because it is old
        },
        {
            **common,
            "name": subjects.OPERATIONS,
            "description": "who did what to the running system; nobody may delete from it",
            "subjects": [subjects.OPERATIONS_ALL],
            "retention": "limits",
            "max_bytes": limits.operations_bytes_max,  # full: what cannot be recorded is not done
            "max_age": 0,
            "deny_delete": True,
            "deny_purge": True,
        },
        {
            **common,
            "name": subjects.VITALS,
            "description": "state of the system, every ten seconds of the last day, for the page",
            "subjects": [subjects.VITALS_SAMPLED],
            "retention": "limits",
            "discard": "old",  # the oldest make room: no payment depends on them
            "max_bytes": VITALS_BYTES_MAX,
            "max_age": KEPT_S * SECOND_NS,
        },
    ]


def _of_buckets(limits: StreamLimits) -> list[dict[str, Any]]:
    """Return the key-value buckets: the newest value of each key."""
    bucket: dict[str, Any] = {**_common(limits), "retention": "limits", "max_msgs_per_subject": 1}
    bucket |= {"allow_rollup_hdrs": True, "deny_delete": True}  # what the nats CLI expects of a key-value bucket
    return [
        {
            **bucket,
            "name": f"KV_{subjects.PROCESSORS}",
            "description": "by processor: URL, fee, state, and generation as in ASSIGNMENTS",
            "subjects": [f"$KV.{subjects.PROCESSORS}.>"],
            "max_age": 0,
        },
        {
            **bucket,
            "name": f"KV_{subjects.LEASES}",
            "description": "by processor: which dispatcher polls its health endpoint",
            "subjects": [f"$KV.{subjects.LEASES}.>"],
            "max_age": limits.lease_s * SECOND_NS,  # a holder that does not renew has lost it
            "duplicate_window": limits.lease_s * SECOND_NS,  # the server allows no more than max_age
        },
    ]


async def ensure_streams(
    bus: Bus, limits: StreamLimits, names: Collection[str] = (), *, may_change: bool = True
) -> None:
    """Create or update every stream, or those of these names; any number of services may do it at once.

    Raises:
        StreamMismatchError: names the stream, the field, and both values.
        ApiError, BusUnavailableError: from the API.
    """
    for config in wanted(limits):
        if not names or config["name"] in names:
            await _ensure(bus, config, may_change=may_change)


async def _ensure(bus: Bus, config: dict[str, Any], *, may_change: bool) -> None:
    name = config["name"]
    try:
        found = (await api.call(bus, f"STREAM.INFO.{name}"))["config"]
    except api.ApiError as error:
        if error.code not in api.NOT_FOUND:
            raise
        if not may_change:
            raise NotMadeYetError(f"stream {name} is missing; {MADE_BY_OTHERS}") from error
        await _create(bus, config)
        return
    differing = _differing(config, found)
    if not may_change:
        differing.pop("description", None)  # in an upgrade, that of the other version: nothing depends on it
    if not differing:
        return
    if not may_change:
        fields = ", ".join(f"{field} = {found.get(field)!r} instead of {value!r}" for field, value in differing.items())
        raise NotMadeYetError(f"stream {name} has {fields}; {MADE_BY_OTHERS}")
    if name == subjects.PAYMENTS and "num_replicas" in differing:
        await drop_dispatcher(bus)
    await api.call(bus, f"STREAM.UPDATE.{name}", {**found, **differing})


async def _create(bus: Bus, config: dict[str, Any]) -> None:
    name = config["name"]
    # This process of the server has had the stream from its beginning, so nothing of it can have been lost.
    begun = {"metadata": {"server": bus.server_id}} if name == subjects.PAYMENTS else {}
    try:
        await api.call(bus, f"STREAM.CREATE.{name}", config | begun)
    except api.ApiError as refused:
        # Another service created it at the same moment, and then wrote metadata into it, or has other limits.
        if refused.code != api.EXISTS_DIFFERENTLY:
            raise
        await _ensure(bus, config, may_change=True)


def _differing(config: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return the fields to update. Raises StreamMismatchError where that is not safe."""
    differing = {field: value for field, value in config.items() if plain(found.get(field)) != plain(value)}
    for field, value in differing.items():
        if field not in SAFE_TO_UPDATE and not _adds_replicas(field, found.get(field), value):
            why = WHY_NOT_FEWER if field == "num_replicas" else ""
            raise StreamMismatchError(
                f"stream {config['name']} has {field} = {found.get(field)!r}, but {value!r} is needed{why}"
            )
    return differing


def _adds_replicas(field: str, found: Any, value: Any) -> bool:
    return field == "num_replicas" and int(found or 1) < value
