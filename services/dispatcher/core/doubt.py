"""A store that went back in time can know less than the processors do: its payments are doubtful.

That holds for what waited in it then, and for what is accepted within one idempotency window after: an id that was lost
may be repeated by a client who got no answer, and is new to the store.

A doubtful payment is asked about at *every* processor before its first line: found, it is booked there; absent
everywhere, asked after ``BOOKS_WITHIN_S`` from when the last earlier dispatcher has met the store, it is ordinary.
These are the two rules with a clock: they assume that no POST is under way longer than that, no dispatcher is frozen
longer between look-up and POST, and no client repeats an id after the window.
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
        payments_to: the last sequence of PAYMENTS when the store was found to have gone back, or, once that is known,
            when clients no longer repeated an earlier id.
        lines_to: the last sequence of ASSIGNMENTS then; a payment with a newer valid line has been asked about.
        since: when the last dispatcher met the store, as text; only compared for equality.
        is_recent: that was less than one idempotency window ago, so that whatever comes is doubtful.
    """

    payments_to: int = 0
    lines_to: int = 0
    since: str = ""
    is_recent: bool = False


NO_DOUBT = Doubt()


def is_doubtful(doubt: Doubt, seq: int, view: View | None) -> bool:
    """Return whether every processor must be asked before a payment gets its next line."""
    return (doubt.is_recent or seq <= doubt.payments_to) and (view is None or view.last <= doubt.lines_to)


def concluded(answers: Iterable[tuple[str, Lookup]]) -> tuple[str, Found] | Literal["absent", "unanswered"]:
    """Return the conclusion from the answers of all generations: the first that has it, or whether it is absent."""
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
