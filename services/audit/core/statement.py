"""A processor's own statement compared with our settlements there, one payment at a time.

Rules: our side is all of SETTLEMENTS, including what the ledger forgets on ``settlements.cleared``, since the processor
does not forget it. A payment has each kind of finding at most once, except duplicates. What waits with us may be
charged already, with its settlement on the way: that is information.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class StatementFault(StrEnum):
    """The kinds of findings; the value is the word that operators read."""

    UNKNOWN_TO_US = "unknown_to_us"
    SETTLED_ELSEWHERE = "settled_elsewhere"
    REFUSED_BUT_CHARGED = "refused_but_charged"
    MISSING_THERE = "missing_there"
    AMOUNT_DIFFERS = "amount_differs"
    REQUESTED_AT_DIFFERS = "requested_at_differs"
    CONTRADICTING_SETTLEMENTS = "contradicting_settlements"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"
    WAITING_BUT_CHARGED = "waiting_but_charged"


INFORMATION_ONLY = frozenset({StatementFault.WAITING_BUT_CHARGED})


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One row of the statement, by the number of its first line.

    ``wrong`` says why it could not be read; the id is set if at least that was readable. ``at_us``: microseconds since
    1970, UTC.
    """

    line: int
    payment_id: str | None = None
    amount_cents: int | None = None
    at_us: int | None = None
    wrong: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class OurRecord:
    """Our record of a payment. ``is_here``: at the statement's processor; ``at_us``: None where it is not settled."""

    status: str  # settled, refused, accepted
    processor: str
    amount_cents: int
    at_us: int | None
    is_here: bool


@dataclass(frozen=True, slots=True)
class StatementFinding:
    """One finding: the payment, the rows concerned, and our entries."""

    kind: StatementFault
    payment_id: str | None
    rows: tuple[StatementRow, ...]
    entries: tuple[OurRecord, ...]


def compared(
    payment_id: str, rows: Sequence[StatementRow], entries: Sequence[OurRecord], tolerance_us: int
) -> Iterator[StatementFinding]:
    """Yield the findings about one payment.

    Args:
        payment_id: of all rows and entries.
        rows: by line; the first is compared, further ones are duplicates. Malformed ones are reported elsewhere: here
            they only keep a payment from counting as missing.
        entries: the distinct ones; those at other processors only where there are rows.
        tolerance_us: how far stamps may differ.
    """
    readable = [row for row in rows if row.wrong is None]
    for again in readable[1:]:
        yield StatementFinding(StatementFault.DUPLICATE, payment_id, (readable[0], again), tuple(entries))
    settled = [entry for entry in entries if entry.is_here and entry.status == "settled"]
    if readable:
        for kind in _of_row(readable[0], settled, entries, tolerance_us):
            yield StatementFinding(kind, payment_id, (readable[0],), tuple(entries))
    elif settled and not rows:
        yield StatementFinding(StatementFault.MISSING_THERE, payment_id, (), tuple(entries))


def _of_row(
    row: StatementRow, settled: Sequence[OurRecord], entries: Sequence[OurRecord], tolerance_us: int
) -> Iterator[StatementFault]:
    match settled:
        case []:
            yield _why_not_settled({entry.status for entry in entries})
        case [entry]:
            if row.amount_cents != entry.amount_cents:
                yield StatementFault.AMOUNT_DIFFERS
            if row.at_us is not None and entry.at_us is not None and abs(row.at_us - entry.at_us) > tolerance_us:
                yield StatementFault.REQUESTED_AT_DIFFERS
        case _:
            yield StatementFault.CONTRADICTING_SETTLEMENTS


def _why_not_settled(statuses: set[str]) -> StatementFault:
    if "settled" in statuses:
        return StatementFault.SETTLED_ELSEWHERE
    if "accepted" in statuses:
        return StatementFault.WAITING_BUT_CHARGED
    return StatementFault.REFUSED_BUT_CHARGED if "refused" in statuses else StatementFault.UNKNOWN_TO_US
