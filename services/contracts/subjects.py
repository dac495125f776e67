"""Names on the bus. The id in a subject makes the streams their own index (``nats stream get --last-for``)."""

PAYMENTS = "PAYMENTS"
SETTLEMENTS = "SETTLEMENTS"
BINDINGS = "bindings"
LEASES = "leases"
DISPATCHER = "dispatcher"
LEDGER = "ledger"

PAYMENTS_ALL = "payments.accepted.>"
SETTLEMENTS_ALL = "settlements.>"
CLEARED = "settlements.cleared"
CONDITION = "processors.condition"
LEDGER_SUMMARY = "ledger.summary"
DISPATCHER_STATE = "dispatcher.state"


def accepted(payment_id: str) -> str:
    """Return the subject of a payment's PaymentAccepted."""
    return f"payments.accepted.{payment_id}"


def settled(processor: str, payment_id: str) -> str:
    """Return the subject of a PaymentSettled."""
    return f"settlements.settled.{processor}.{payment_id}"


def refused(processor: str, payment_id: str) -> str:
    """Return the subject of a PaymentRefused."""
    return f"settlements.refused.{processor}.{payment_id}"


def any_settlement(payment_id: str) -> str:
    """Return the pattern of whatever was settled or refused for one payment, wherever."""
    return f"settlements.*.*.{payment_id}"
