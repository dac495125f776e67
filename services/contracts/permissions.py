"""Who may do what on the bus: one user a service, and for people a reader, an operator and an admin.

The one table: the server's configuration is rendered from it (``services.access.users_conf``), and a test tries
everything else. A subject may name an inbox as ``{ingress}``: where that user's answers come, and nobody else's.

What it cannot keep apart is said in docs/nats.md: who may make a consumer on a stream chooses where the server delivers
what is in it.
"""

from dataclasses import dataclass

from services.contracts import subjects
from services.contracts.subjects import (
    ASSIGNMENTS,
    BINDINGS,
    DISPATCHER,
    LEASES,
    LEDGER,
    LEDGER_SNAPSHOTS,
    OPERATIONS,
    PAYMENTS,
    PROCESSORS,
    SETTLEMENTS,
    VITALS,
)

API = "$JS.API"
KV_PROCESSORS, KV_LEASES, KV_BINDINGS = f"KV_{PROCESSORS}", f"KV_{LEASES}", f"KV_{BINDINGS}"
STREAMS = (PAYMENTS, SETTLEMENTS, ASSIGNMENTS, LEDGER_SNAPSHOTS, OPERATIONS, VITALS, KV_PROCESSORS, KV_LEASES)
PURGE = subjects.CLEARED  # of an ingress only where ALLOW_PURGE is

INGRESS, OPERATOR, READER, ADMIN = "ingress", "operator", "reader", "admin"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects that a user may publish to and subscribe to; ``publish_never`` are taken out of the first."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    publish_never: tuple[str, ...] = ()


def _api(*paths: str) -> tuple[str, ...]:
    return tuple(f"{API}.{path}" for path in paths)


def _state_of(*streams: str) -> tuple[str, ...]:
    return _api(*(f"STREAM.INFO.{stream}" for stream in streams))


def _look_up(*streams: str) -> tuple[str, ...]:
    """Messages by subject or sequence: Direct Get, and the leader where there are replicas (bus.lookup, bus.tail)."""
    kinds = ("DIRECT.GET", "STREAM.MSG.GET")
    return _api(*(f"{kind}.{stream}" for stream in streams for kind in kinds))


def _follow(*streams: str) -> tuple[str, ...]:
    """A consumer of one's own, by a random name, and pulls from it (bus.follow)."""
    kinds = ("CONSUMER.CREATE", "CONSUMER.INFO", "CONSUMER.MSG.NEXT")
    return _api(*(f"{kind}.{stream}.*" for stream in streams for kind in kinds))


def _make(*streams: str) -> tuple[str, ...]:
    """Streams made where missing, and updated (bus.streams); that may need the consumer made again."""
    kinds = ("STREAM.CREATE", "STREAM.UPDATE")
    made = _api(*(f"{kind}.{stream}" for stream in streams for kind in kinds))
    return (*made, *_api(f"CONSUMER.DELETE.{PAYMENTS}.{DISPATCHER}"))


def _answer(*users: str) -> tuple[str, ...]:
    return tuple(f"_INBOX.{{{user}}}.>" for user in users)


def _service(name: str) -> tuple[str, ...]:
    """The subjects on which NATS asks a micro service about itself."""
    verbs = ("PING", "INFO", "STATS")
    return tuple(f"$SRV.{verb}{whom}" for verb in verbs for whom in ("", f".{name}", f".{name}.*"))


ROUND_TRIP = ("_ROUND_TRIP",)  # nobody listens there: the server's own answer shows that it is there (bus.connection)
PEOPLE = (OPERATOR, READER, ADMIN)
# Not PAYMENTS: a message of a work queue has one consumer.
READABLE = (SETTLEMENTS, ASSIGNMENTS, LEDGER_SNAPSHOTS, OPERATIONS, VITALS, KV_PROCESSORS, KV_LEASES)

USERS: dict[str, Permissions] = {
    INGRESS: Permissions(
        publish=(
            *ROUND_TRIP,
            *(subjects.accepted("*"), subjects.pulse(INGRESS, "*"), subjects.readiness("*"), PURGE),
            *(subjects.LEDGER_SUMMARY, subjects.LEDGER_HISTORY),
            *(subjects.DISPATCHER_PAYMENT, subjects.DISPATCHER_PAYMENTS),
            # Neither the bucket of processors nor ASSIGNMENTS: who writes there says where payments are charged.
            *(subjects.DISPATCHER_PROCESSORS, subjects.DISPATCHER_PAUSE, subjects.DISPATCHER_RELEASE),
            subjects.operated(INGRESS),
            *_state_of(*STREAMS),
            # No Direct Get of what it writes itself: "answered" to settlements.settled.> that would be a settlement.
            *_api(f"STREAM.MSG.GET.{PAYMENTS}"),
            *_look_up(SETTLEMENTS),
        ),
        subscribe=(
            *_answer(INGRESS),
            subjects.PULSES_ALL,
            subjects.any_settlement("*"),  # of the one payment that a client waits for; a hint to look
        ),
    ),
    DISPATCHER: Permissions(
        publish=(
            *ROUND_TRIP,
            *(subjects.assigned("*"), subjects.settled("*", "*"), subjects.refused("*", "*"), subjects.released("*")),
            *(f"$KV.{PROCESSORS}.*", f"$KV.{LEASES}.health.*"),
            *(subjects.CONDITION, subjects.pulse(DISPATCHER, "*")),
            *_answer(INGRESS, DISPATCHER, LEDGER, *PEOPLE),
            subjects.DISPATCHER_PAYMENT,  # each other, before a payment is released
            f"$JS.ACK.{PAYMENTS}.{DISPATCHER}.>",
            *_api(*(f"CONSUMER.{verb}.{PAYMENTS}.{DISPATCHER}" for verb in ("INFO", "CREATE", "MSG.NEXT"))),
            *_state_of(*STREAMS),
            *_make(*STREAMS),
            *_look_up(PAYMENTS, SETTLEMENTS, ASSIGNMENTS, KV_PROCESSORS, KV_LEASES, KV_BINDINGS),
            *_follow(ASSIGNMENTS, KV_PROCESSORS),
            # Lines of settled payments go, one by one and those before a sequence.
            *_api(f"STREAM.MSG.DELETE.{ASSIGNMENTS}", f"STREAM.PURGE.{ASSIGNMENTS}"),
        ),
        subscribe=(
            *_answer(DISPATCHER),
            *(subjects.pulse(DISPATCHER, "*"), subjects.CONDITION),
            *(subjects.DISPATCHER_STATE, subjects.DISPATCHER_PAYMENT, subjects.DISPATCHER_PAYMENTS),
            *(subjects.dispatcher_stored("*"), subjects.DISPATCHER_PROCESSORS, subjects.DISPATCHER_PAUSE),
            subjects.DISPATCHER_RELEASE,
            *_service(DISPATCHER),
        ),
    ),
    LEDGER: Permissions(
        publish=(
            *ROUND_TRIP,
            *(
                subjects.SNAPSHOT_MANIFEST,
                subjects.SNAPSHOT_REACHED,
                "ledger.snapshots.chunk.*.*",
                subjects.VITALS_SAMPLED,
                subjects.pulse(LEDGER, "*"),
            ),
            subjects.dispatcher_stored("*"),
            *_answer(INGRESS, *PEOPLE),
            *_state_of(*STREAMS),
            *_make(*STREAMS),
            *_look_up(SETTLEMENTS, LEDGER_SNAPSHOTS, VITALS),
            *_follow(SETTLEMENTS),
            *_api(f"STREAM.PURGE.{LEDGER_SNAPSHOTS}"),  # of the generation before
        ),
        subscribe=(
            *_answer(LEDGER),
            subjects.PULSES_ALL,
            *(subjects.LEDGER_SUMMARY, subjects.LEDGER_HISTORY, subjects.LEDGER_STATE),
            *_service(LEDGER),
        ),
    ),
    # tarifa audit, processors, release and backup; a restore needs an empty server and the admin.
    OPERATOR: Permissions(
        publish=(
            *ROUND_TRIP,
            *(f"$KV.{PROCESSORS}.*", subjects.DISPATCHER_RELEASE, subjects.operated(OPERATOR)),
            *_state_of(*STREAMS),
            *_look_up(PAYMENTS, SETTLEMENTS, KV_PROCESSORS),
            *_follow(SETTLEMENTS, OPERATIONS),
            *_api(*(f"STREAM.SNAPSHOT.{stream}" for stream in STREAMS)),
            "$JS.SNAPSHOT.ACK.>",  # each chunk of a snapshot is asked for
        ),
        subscribe=_answer(OPERATOR),
    ),
    # The nats CLI, to look: streams, consumers, services, their requests, and what goes by.
    READER: Permissions(
        publish=(
            *ROUND_TRIP,
            *(subjects.LEDGER_SUMMARY, subjects.LEDGER_HISTORY, subjects.LEDGER_STATE, subjects.DISPATCHER_STATE),
            *(subjects.DISPATCHER_PAYMENT, subjects.DISPATCHER_PAYMENTS, subjects.DISPATCHER_PROCESSORS),
            *("$SRV.PING.>", "$SRV.INFO.>", "$SRV.STATS.>", "$SRV.PING", "$SRV.INFO", "$SRV.STATS"),
            *_api("INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.INFO.*", "STREAM.MSG.GET.*"),
            *_api("DIRECT.GET.*", "DIRECT.GET.*.>", "CONSUMER.NAMES.*", "CONSUMER.LIST.*", "CONSUMER.INFO.*.*"),
            *_follow(*READABLE),
            # `nats stream view` and `nats kv ls` add the subject that they filter by.
            *_api(*(f"CONSUMER.CREATE.{stream}.*.>" for stream in READABLE)),
        ),
        subscribe=(
            *_answer(READER),
            *(subjects.PAYMENTS_ALL, subjects.SETTLEMENTS_ALL, subjects.ASSIGNMENTS_ALL, subjects.OPERATIONS_ALL),
            *(subjects.PULSES_ALL, subjects.CONDITION, f"$KV.{PROCESSORS}.>", f"$KV.{LEASES}.>"),
        ),
    ),
    # Everything but what would make the operators' own log say another thing than happened, or less.
    ADMIN: Permissions(
        publish=(">",),
        subscribe=(">",),
        publish_never=(
            *(subjects.operated(user) for user in (INGRESS, OPERATOR)),
            *_api(*(f"STREAM.{verb}.{OPERATIONS}" for verb in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE"))),
        ),
    ),
}


def may_make_streams(user: str) -> bool:
    """Return whether this user of ``USERS`` may make and update the streams; the others wait until that is done."""
    return set(_make(*STREAMS)) <= set(USERS[user].publish)
