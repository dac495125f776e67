"""A store that went back in time can know less than the processors do: its payments are doubtful.

What waited in it then, and what is accepted within one idempotency window since: an id of the stretch that was lost is
sent again by a client who has had no answer, and is new to the store.

A doubtful payment is asked about at *every* processor before its first line: found, it is booked there; absent
everywhere, asked after ``BOOKS_WITHIN_S`` from when the last dispatcher of before has met the store, it is ordinary.
These are the two rules with a clock: they rest on no POST being under way longer than that, no dispatcher frozen longer
between look-up and POST, and no client repeating an id after the window.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from services.dispatcher.core.outcome import Absent, Found, Lookup, LookupFailed
from services.dispatcher.core.ownership import View


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is doubtful in the store.

    Args:
        payments_to: the last sequence of PAYMENTS that was there when the store was found to have gone back, or, once
            that is known, when clients no longer repeated an id of before.
        lines_to: the last sequence of ASSIGNMENTS then; a payment with a newer valid line has been asked about.
        since: when the last dispatcher met the store, as text; only told apart, never reckoned with.
        is_recent: it was less than one idempotency window ago, so that whatever comes is doubtful.
    """

    payments_to: int = 0
    lines_to: int = 0
    since: str = ""
    is_recent: bool = False


NO_DOUBT = Doubt()


def is_doubtful(doubt: Doubt, seq: int, view: View | None) -> bool:
    """Return whether every processor must be asked before a payment gets its next line here."""
    return (doubt.is_recent or seq <= doubt.payments_to) and (view is None or view.last <= doubt.lines_to)


def concluded(answers: Iterable[tuple[str, Lookup]]) -> tuple[str, Found] | Literal["absent", "unanswered"]:
    """Return what the answers of all generations come to: where it was found first, or whether it is absent at all."""
    result: Literal["absent", "unanswered"] = "absent"
    for generation, answer in answers:
        match answer:
            case Found():
                return generation, answer
            case LookupFailed():
                result = "unanswered"
            case Absent():
                pass
    return result
