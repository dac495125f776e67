"""Who may do what: each operation by each user, on a real nats-server configured from the permissions' table."""

import pytest

from services.access.bus_credentials import BusCredentials
from services.audit.adapters.recording import operation_log
from services.bus.jetstream.publish import store
from services.bus.jetstream.state import stream_state
from services.bus.wire.requests import NotAllowedError
from services.contracts.operations import Operation
from services.contracts.permissions import STREAMS, USERS
from services.records.operations import NotRecordedError
from tests.integration.access.closed_server import ClosedServer, pub, sub

API = "$JS.API"
ANY = "00000000-0000-0000-0000-000000000001"
NOBODY: set[str] = set()
READS = {"operator", "reader"}

# By published subject: the users that may, besides the admin, who may do everything.
PUBLISHED: dict[str, set[str]] = {
    f"payments.accepted.{ANY}": {"ingress"},
    "payments.accepted.two.tokens": NOBODY,
    f"settlements.settled.default.{ANY}": {"dispatcher"},
    f"settlements.refused.default.{ANY}": {"dispatcher"},
    f"settlements.released.{ANY}": {"dispatcher"},
    "settlements.cleared": NOBODY,  # an ingress, where ALLOW_PURGE is set
    "assignments.dispatcher-1": {"dispatcher"},
    "assignments.closed": {"dispatcher"},
    "assignments.released": {"dispatcher"},
    "ledger.snapshots.manifest": {"ledger"},
    "ledger.snapshots.reached": {"ledger"},
    "ledger.snapshots.chunk.1.0": {"ledger"},
    "$KV.processors.default": {"dispatcher", "operator"},
    "$KV.leases.health.default": {"dispatcher"},
    "$KV.leases.ready.one": {"ingress"},
    "operations.ingress": {"ingress"},
    "operations.operator": {"operator"},
    "operations.admin": NOBODY,
    "operations.open": NOBODY,
    f"$KV.bindings.{ANY}": NOBODY,
    "processors.condition": {"dispatcher"},
    "pulse.ingress.one": {"ingress"},
    "pulse.dispatcher.one": {"dispatcher"},
    "pulse.ledger.one": {"ledger"},
    "ledger.summary": {"ingress", "reader"},
    "ledger.history": {"ingress", "reader"},
    "ledger.state": {"reader"},
    "vitals.sampled": {"ledger"},
    "dispatcher.state": {"reader"},
    "dispatcher.payment": {"ingress", "dispatcher", "reader"},
    "dispatcher.payments": {"ingress", "reader"},
    "dispatcher.processors": {"ingress", "reader"},
    "dispatcher.pause": {"ingress"},
    "dispatcher.release": {"ingress", "operator"},
    "dispatcher.stored.one/0": {"ledger"},
    "$SRV.PING": {"reader"},
    "$SRV.INFO.ledger": {"reader"},
    "_ROUND_TRIP": {"ingress", "dispatcher", "ledger", "operator", "reader"},
    "anything.else": NOBODY,
    "$SYS.REQ.SERVER.PING": NOBODY,
    "$JS.ACK.PAYMENTS.dispatcher.1.1.1.1.0": {"dispatcher"},
    "$JS.ACK.PAYMENTS.another.1.1.1.1.0": NOBODY,
    "$JS.FC.PAYMENTS.dispatcher.x": NOBODY,
    "$JS.SNAPSHOT.ACK.PAYMENTS.x": {"operator"},
    "$JS.SNAPSHOT.RESTORE.PAYMENTS.x": NOBODY,
    f"{API}.INFO": {"reader"},
    f"{API}.STREAM.NAMES": {"reader"},
    f"{API}.STREAM.CREATE.ANOTHER": NOBODY,
    f"{API}.STREAM.UPDATE.ANOTHER": NOBODY,
    f"{API}.CONSUMER.CREATE.PAYMENTS.dispatcher": {"dispatcher"},
    f"{API}.CONSUMER.CREATE.PAYMENTS.another": NOBODY,
    f"{API}.CONSUMER.CREATE.PAYMENTS.another.payments.x": NOBODY,
    f"{API}.CONSUMER.DURABLE.CREATE.PAYMENTS.dispatcher": NOBODY,
    f"{API}.CONSUMER.DELETE.PAYMENTS.dispatcher": {"dispatcher", "ledger"},
    f"{API}.CONSUMER.PAUSE.PAYMENTS.dispatcher": NOBODY,
    f"{API}.CONSUMER.MSG.NEXT.PAYMENTS.dispatcher": {"dispatcher"},
    f"{API}.CONSUMER.CREATE.SETTLEMENTS.one": {"ledger", "operator", "reader"},
    f"{API}.CONSUMER.MSG.NEXT.SETTLEMENTS.one": {"ledger", "operator", "reader"},
    f"{API}.CONSUMER.CREATE.ASSIGNMENTS.one": {"dispatcher", "reader"},
    f"{API}.CONSUMER.CREATE.VITALS.one": {"reader"},
    f"{API}.CONSUMER.CREATE.VITALS.one.vitals.sampled": {"reader"},  # as `nats stream view` does
    f"{API}.CONSUMER.CREATE.OPERATIONS.one": READS,
    f"{API}.CONSUMER.MSG.NEXT.OPERATIONS.one": READS,
    f"{API}.DIRECT.GET.PAYMENTS": {"dispatcher", *READS},
    f"{API}.STREAM.MSG.GET.PAYMENTS": {"ingress", "dispatcher", *READS},
    f"{API}.DIRECT.GET.SETTLEMENTS": {"ingress", "dispatcher", "ledger", *READS},
    f"{API}.DIRECT.GET.LEDGER_SNAPSHOTS": {"ledger", "reader"},
    f"{API}.DIRECT.GET.VITALS": {"ledger", "reader"},
    f"{API}.DIRECT.GET.ASSIGNMENTS": {"dispatcher", "reader"},
    f"{API}.STREAM.MSG.DELETE.ASSIGNMENTS": {"dispatcher"},
    f"{API}.STREAM.PURGE.ASSIGNMENTS": {"dispatcher"},
    f"{API}.STREAM.PURGE.LEDGER_SNAPSHOTS": {"ledger"},
    f"{API}.STREAM.LEADER.STEPDOWN.PAYMENTS": NOBODY,
    f"{API}.META.LEADER.STEPDOWN": NOBODY,
    f"{API}.SERVER.REMOVE": NOBODY,
    f"{API}.ACCOUNT.PURGE.$G": NOBODY,
} | {
    f"{API}.{verb}.{stream}": who
    for stream in STREAMS
    for verb, who in {
        "STREAM.INFO": {"ingress", "dispatcher", "ledger", *READS},
        "STREAM.CREATE": {"dispatcher", "ledger"},
        "STREAM.UPDATE": {"dispatcher", "ledger"},
        "STREAM.DELETE": NOBODY,
        "STREAM.SNAPSHOT": {"operator"},
        "STREAM.RESTORE": NOBODY,
    }.items()
}
PUBLISHED |= {
    f"{API}.{verb}.{stream}": NOBODY
    for stream in ("PAYMENTS", "SETTLEMENTS", "OPERATIONS", "KV_processors", "KV_leases")
    for verb in ("STREAM.PURGE", "STREAM.MSG.DELETE")
}

# By subscribed subject.
HEARD: dict[str, set[str]] = {
    ">": NOBODY,
    "_INBOX.>": NOBODY,
    "payments.accepted.>": {"reader"},
    "settlements.>": {"reader"},
    f"settlements.*.*.{ANY}": {"ingress", "reader"},
    "settlements.cleared": {"reader"},
    "settlements.released.*": {"reader"},
    "assignments.>": {"reader"},
    "operations.>": {"reader"},
    "ledger.summary": {"ledger"},
    "ledger.history": {"ledger"},
    "ledger.state": {"ledger"},
    "dispatcher.payment": {"dispatcher"},
    "dispatcher.payments": {"dispatcher"},
    "dispatcher.state": {"dispatcher"},
    "dispatcher.pause": {"dispatcher"},
    "dispatcher.release": {"dispatcher"},
    "dispatcher.processors": {"dispatcher"},
    "dispatcher.stored.one": {"dispatcher"},
    "pulse.>": {"ingress", "ledger", "reader"},
    "pulse.dispatcher.*": {"ingress", "dispatcher", "ledger", "reader"},
    "processors.condition": {"dispatcher", "reader"},
    "$SRV.PING": {"dispatcher", "ledger"},
    "$SRV.INFO.ledger": {"ledger"},
    "$JS.API.>": NOBODY,
    "$JS.EVENT.ADVISORY.>": NOBODY,
    "$SYS.>": NOBODY,
}


@pytest.mark.parametrize("user", [user for user in USERS if user != "admin"])
async def test_a_user_may_do_this_and_nothing_else(closed: ClosedServer, user: str) -> None:
    """Each is tried; what is forbidden is refused, and what is allowed is not."""
    assert len(PUBLISHED) + len(HEARD) >= 40
    mistaken = []
    for command, operations in ((pub, PUBLISHED), (sub, HEARD)):
        for subject, who in operations.items():
            # Where a stream could really be created or deleted the request is unusable; permissions are checked first.
            refused = await closed.refusals(user, command(subject))
            if bool(refused) == (user in who) or (refused and "Permissions Violation" not in refused[0]):
                mistaken.append((command.__name__, subject, refused))
    assert mistaken == []


async def test_an_admin_may_do_everything(closed: ClosedServer) -> None:
    """Not tried on what cannot be undone: those subjects have no responders here."""
    tried = [pub("settlements.x"), pub("$KV.bindings.x"), pub("$JS.API.STREAM.DELETE.NO_SUCH"), sub(">")]
    assert await closed.refusals("admin", *tried) == []


async def test_nobody_deletes_from_the_operators_log_or_writes_there_as_another(closed: ClosedServer) -> None:
    """Not even an admin, who may do everything else: the log says what happened, and by whom."""
    kinds = ("STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.MSG.DELETE")
    tried = [
        pub("operations.ingress"),
        pub("operations.operator"),
        *(pub(f"{API}.{kind}.OPERATIONS") for kind in kinds),
    ]
    refused = await closed.refusals("admin", *tried)
    assert len(refused) == len(tried)
    assert await closed.refusals("admin", pub("operations.admin")) == []


async def test_an_operator_is_identified_by_the_key(closed: ClosedServer) -> None:
    """In the log, the holder of the operator's key, or an admin's, is that user; others cannot record anything."""
    by = []
    for user in ("operator", "admin"):
        bus = await closed.bus(user)
        try:
            log = operation_log(bus, BusCredentials(closed.keys[user]))
            async with log.recorded(Operation("pause", "default", "tests"), "me") as outcome:
                by.append(outcome.by)
        finally:
            await bus.close()
    assert by == ["operator/me", "admin/me"]
    bus = await closed.bus("reader")
    try:
        with pytest.raises(NotRecordedError, match="this user of NATS may not write to OPERATIONS"):
            async with operation_log(bus, BusCredentials(closed.keys["reader"])).recorded(Operation("purge"), "me"):
                pytest.fail("it was not recorded")
    finally:
        await bus.close()


@pytest.mark.parametrize("user", [user for user in USERS if user not in {"admin", "dispatcher"}])
async def test_a_settlement_cannot_be_forged(closed: ClosedServer, user: str) -> None:
    """It is refused at once, and nothing is stored."""
    bus, dispatcher = await closed.bus(user), await closed.bus("dispatcher")
    try:
        before = (await stream_state(dispatcher, "SETTLEMENTS")).last_seq
        with pytest.raises(NotAllowedError, match=r"may not publish to settlements\.settled\.default\.x"):
            await bus.request("settlements.settled.default.x", b'{"type": "PaymentSettled"}', 5)
        assert "may not publish" in str(await store(bus, "SETTLEMENTS", "settlements.settled.default.x", b"{}"))
        assert (await stream_state(dispatcher, "SETTLEMENTS")).last_seq == before
        assert bus.is_connected
    finally:
        await bus.close()
        await dispatcher.close()


async def test_a_settlement_cannot_be_forged_by_a_direct_get(closed: ClosedServer) -> None:
    """A Direct Get sends what is stored to any reply subject, including what ingress stored."""
    forged = b'{"type": "PaymentSettled", "forged": true}'
    answered_to = "settlements.settled.default.forged"
    last = b'{"last_by_subj": "payments.accepted.forged"}'
    refused = await closed.refusals(
        "ingress",
        pub("payments.accepted.forged", forged),
        *(pub(f"{API}.{kind}", last, answered_to) for kind in ("DIRECT.GET.PAYMENTS", "STREAM.MSG.GET.PAYMENTS")),
        pub(f"{API}.DIRECT.GET.PAYMENTS.payments.accepted.forged", b"", answered_to),
    )
    assert len(refused) == 2
    admin = await closed.bus("admin")
    try:
        stored = await admin.request(f"{API}.DIRECT.GET.SETTLEMENTS", b'{"seq": 1, "next_by_subj": ">"}', 5)
        assert stored.data != forged
    finally:
        await admin.close()


@pytest.mark.parametrize("user", [user for user in USERS if user != "admin"])
async def test_only_the_requester_gets_the_answer(closed: ClosedServer, user: str) -> None:
    """Each user has its own inbox, and may subscribe to no other."""
    own = closed.keys[user].inbox
    for other in closed.keys.values():
        refused = await closed.refusals(user, sub(f"{other.inbox}.x.*"))
        assert bool(refused) == (other.inbox != own)
