"""Names on the bus. The id in a subject makes the streams their own index (``nats stream get --last-for``)."""

PAYMENTS = "PAYMENTS"
SETTLEMENTS = "SETTLEMENTS"
ASSIGNMENTS = "ASSIGNMENTS"
LEDGER_SNAPSHOTS = "LEDGER_SNAPSHOTS"
BINDINGS = "bindings"  # of stores before ASSIGNMENTS; read once, to be migrated
VITALS = "VITALS"
LEASES = "leases"
OPERATIONS = "OPERATIONS"
PROCESSORS = "processors"
DISPATCHER = "dispatcher"
LEDGER = "ledger"

PAYMENTS_ALL = "payments.accepted.>"
SETTLEMENTS_ALL = "settlements.>"
ASSIGNMENTS_ALL = "assignments.>"
RELEASED = "assignments.released"
GENERATION_CLOSED = "assignments.closed"
CLEARED = "settlements.cleared"
SNAPSHOTS_ALL = "ledger.snapshots.>"
SNAPSHOT_MANIFEST = "ledger.snapshots.manifest"
SNAPSHOT_REACHED = "ledger.snapshots.reached"  # how far the ledger has read
VITALS_SAMPLED = "vitals.sampled"
CONDITION = "processors.condition"
OPERATIONS_ALL = "operations.>"
LEDGER_SUMMARY = "ledger.summary"
LEDGER_HISTORY = "ledger.history"
LEDGER_STATE = "ledger.state"
DISPATCHER_STATE = "dispatcher.state"
DISPATCHER_PAYMENT = "dispatcher.payment"
DISPATCHER_PAYMENTS = "dispatcher.payments"
DISPATCHER_PROCESSORS = "dispatcher.processors"
DISPATCHER_PAUSE = "dispatcher.pause"
DISPATCHER_RELEASE = "dispatcher.release"
PULSES_ALL = "pulse.>"


def accepted(payment_id: str) -> str:
    """Return the subject of a payment's PaymentAccepted."""
    return f"payments.accepted.{payment_id}"


def assigned(instance: str) -> str:
    """Return the subject of what a dispatcher assigns."""
    return f"assignments.{instance}"


def settled(processor: str, payment_id: str) -> str:
    """Return the subject of a PaymentSettled."""
    return f"settlements.settled.{processor}.{payment_id}"


def refused(processor: str, payment_id: str) -> str:
    """Return the subject of a PaymentRefused."""
    return f"settlements.refused.{processor}.{payment_id}"


def released(payment_id: str) -> str:
    """Return the subject of a PaymentReleased.

    Three tokens on purpose: ``any_settlement``, which means settled or refused, must not find it.
    """
    return f"settlements.released.{payment_id}"


def any_settlement(payment_id: str) -> str:
    """Return the pattern of whatever was settled or refused for one payment, wherever."""
    return f"settlements.*.*.{payment_id}"


def operated(user: str) -> str:
    """Return the subject of what is done by somebody who is that user of NATS; nobody else may write there."""
    return f"operations.{user}"


def snapshot_chunk(generation: int, number: int) -> str:
    """Return the subject of a chunk of a ledger's snapshot."""
    return f"ledger.snapshots.chunk.{generation}.{number}"


def readiness(instance: str) -> str:
    """Return the subject to which an instance of ingress stores something, to find out whether that can be done."""
    return f"$KV.{LEASES}.ready.{instance}"


def dispatcher_stored(owner: str) -> str:
    """Return the subject on which one dispatcher process is asked what it has stored."""
    return f"dispatcher.stored.{owner}"


def pulse(service: str, instance: str) -> str:
    """Return the subject on which an instance of a service says how it is."""
    return f"pulse.{service}.{instance}"
