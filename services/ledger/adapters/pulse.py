"""The ledger's pulse: its totals, and whether the book is whole."""

from collections.abc import Callable
from datetime import datetime

from services.contracts.pulse import LedgerPulse
from services.ledger.adapters.summary_endpoint import Answering


def pulse_of(instance: str, started_at: datetime, ledger: Answering) -> Callable[[], LedgerPulse]:
    """Return a function that reads the ledger's pulse."""

    def read() -> LedgerPulse:
        state = ledger.state()
        return LedgerPulse(
            instance=instance,
            started_at=started_at,
            conflicts=state["conflicts"],
            unreadable=state["unreadable"],
            damage=ledger.damage,
            totals=ledger.totals(None, None),
        )

    return read
