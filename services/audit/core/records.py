"""All that our own streams say about the payments of a period, collected by id.

Read PAYMENTS first and SETTLEMENTS after it: a settlement is stored before its payment leaves PAYMENTS, so a payment
that is settled meanwhile is seen twice rather than never.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

from services.contracts.events import (
    PaymentAccepted,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    Settlement,
    SettlementsCleared,
)
from services.contracts.period import Period


@dataclass(slots=True)
class Record:
    """One payment. ``settlements``: the distinct ones, in the order of the stream.

    ``last_seq``: the sequence of the last of them in SETTLEMENTS, 0 if there is none.
    """

    payment_id: str
    accepted: PaymentAccepted | None = None
    settlements: list[PaymentSettled | PaymentRefused] = field(default_factory=list)
    releases: list[PaymentReleased] = field(default_factory=list)
    last_seq: int = 0

    @property
    def settled(self) -> list[PaymentSettled]:
        """The settlements that say that it was booked."""
        return [event for event in self.settlements if isinstance(event, PaymentSettled)]


class Records:
    """The payments with an event whose acceptedAt lies in the period.

    A settlement of a payment that waits belongs to it whenever it was accepted: after the idempotency window an id may
    be accepted anew.
    """

    def __init__(self, period: Period) -> None:
        self._period = period
        self._records: dict[str, Record] = {}
        self._releases: dict[str, list[PaymentReleased]] = {}
        self.unreadable: list[str] = []
        self.missing: list[str] = []
        self.read_to = 0

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        for record in self._records.values():
            # A release has no acceptedAt and comes before the settlement; it is kept aside, as there are only a few.
            record.releases = self._releases.get(record.payment_id, [])
            yield record

    def in_order(self, after: int) -> list[Record]:
        """Return those with a settlement after a sequence, in the order of the stream, then those that still wait."""
        settled = [record for record in self if record.last_seq > after]
        settled.sort(key=lambda record: record.last_seq)
        return settled + [record for record in self if not record.last_seq]

    def take_accepted(self, event: PaymentAccepted) -> None:
        """Take a message of PAYMENTS."""
        if event.accepted_at in self._period:
            self._of(event.id).accepted = event

    def take_settlement(self, event: Settlement, seq: int) -> None:
        """Take a message of SETTLEMENTS, with its sequence."""
        self.read_to = seq
        match event:
            case PaymentSettled() | PaymentRefused():
                if event.id in self._records or event.accepted_at in self._period:
                    self._add(self._of(event.id), event, seq)
            case PaymentReleased():
                self._releases.setdefault(event.id, []).append(event)
            case SettlementsCleared():
                pass  # the ledger's book forgets; the processors do not, and neither does the stream
            case _:
                assert_never(event)

    def take_unreadable(self, where: str, reason: str) -> None:
        """Note a message that is no event: it may be about a payment of the period, so the audit is incomplete."""
        self.unreadable.append(f"{where}: {reason}")

    def take_missing(self, stream: str, first: int, last: int) -> None:
        """Note sequences without a message in a stream that loses none: what they were is not audited."""
        where = f"{first} to {last}" if last > first else f"{first}"
        self.missing.append(f"{stream} {where}: {last - first + 1} lost")

    def _of(self, payment_id: str) -> Record:
        record = self._records.get(payment_id)
        if record is None:
            record = self._records[payment_id] = Record(payment_id)
        return record

    def _add(self, record: Record, event: PaymentSettled | PaymentRefused, seq: int) -> None:
        record.last_seq = seq
        # A settlement stored twice, because its first PubAck was lost, says the same twice; that is not a finding.
        if _key(event) not in map(_key, record.settlements):
            record.settlements.append(event)


def _key(event: PaymentSettled | PaymentRefused) -> tuple[str, int, object]:
    stamp = event.requested_at if isinstance(event, PaymentSettled) else None
    return event.processor, event.amount_cents, stamp
