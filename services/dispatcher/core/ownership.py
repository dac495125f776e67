"""What the log of ASSIGNMENTS says of one payment: its owner, where it may be sent, whether it may be sent elsewhere.

Rules 3 and 4 of the settlement protocol, as a fold: a view and the next line in, the next view out, or None: the line
is void for all readers alike. A line must follow (``after``) the last valid one. No clock, no setting and nothing that
a server remembers decides here.

| before it | line | becomes |
|---|---|---|
| nothing, or it belongs to nobody | send | *first*: its author's, first-hand; void at a closed generation |
| assigned | send to the same generation, from anybody | *take-over*: its author's, inherited for ever |
| first-hand of its author | send to another generation | *move*: first-hand; void at a closed generation |
| first-hand of its author | returned | it belongs to nobody again |
| first-hand of its author | refused | refused there: only to be recorded, by anybody |
| nothing (deleted, so that the payment is settled), but ``after`` says that there was something | send | a take-over |
| anything | released by an operator | it belongs to nobody, and is for the processor that the operator named |
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from services.contracts.assignments import AssignmentReleased, Line

NOBODY = ""


@dataclass(frozen=True, slots=True)
class View:
    """What the valid lines of one payment say.

    Args:
        last: sequence in the log of the last valid line.
        owner: the process of that line; NOBODY where it belongs to none.
        generation: of the processor where it may be sent; where it was sent last, if it belongs to nobody.
        first_hand_of: the process whose own all lines since the first are, none of them a take-over; else NOBODY.
        state: ``free`` belongs to nobody; ``refused``: its refusal must be recorded and nothing else.
        detail: of the refusal.
        released_to: the processor that an operator named.
    """

    last: int
    owner: str
    generation: str
    first_hand_of: str
    state: Literal["assigned", "free", "refused"] = "assigned"
    detail: str = ""
    released_to: str = ""


def next_view(view: View | None, line: Line, at: int, owner: str, closed: AbstractSet[str]) -> View | None:
    """Return the view after the line of ``owner`` at sequence ``at``, or None if it is void.

    Args:
        view: after the line's last valid predecessor that this reader has; None: it has none.
        line: the next one of this payment.
        at: its sequence in the log.
        owner: its author.
        closed: generations that take nothing new.
    """
    if line.after != (0 if view is None else view.last):
        # Never read, or read, settled and deleted: it counts as a take-over, which allows the least.
        never_seen = view is None and line.kind == "send"
        return View(at, owner, line.generation, NOBODY) if never_seen else None
    match line.kind:
        case "send":
            return _sent(view, line, at, owner, closed)
        case "returned":
            if view is None or not is_first_hand(view, owner):
                return None
            return View(at, NOBODY, view.generation, NOBODY, "free")
        case "refused":
            if view is None or not is_first_hand(view, owner) or view.generation != line.generation:
                return None
            return replace(view, last=at, state="refused", detail=line.detail)


def _sent(view: View | None, line: Line, at: int, owner: str, closed: AbstractSet[str]) -> View | None:
    if view is None or view.state == "free":
        return None if line.generation in closed else View(at, owner, line.generation, owner)
    if view.state == "refused":
        return None
    if line.generation == view.generation:
        return View(at, owner, line.generation, NOBODY)
    if is_first_hand(view, owner) and line.generation not in closed:
        return View(at, owner, line.generation, owner)
    return None


def after_release(view: View | None, release: AssignmentReleased, at: int) -> View | None:
    """Return the view after an operator's release at sequence ``at``, or None if it is void.

    It must follow the line that the operator saw. Where nothing was assigned there is nothing to release.
    """
    if view is None or release.after != view.last:
        return None
    return View(at, NOBODY, view.generation, NOBODY, "free", released_to=release.to_processor)


def is_first_hand(view: View, owner: str) -> bool:
    """Return whether all lines since the first are this process's own, and none is a take-over."""
    return view.state == "assigned" and view.owner == owner and view.first_hand_of == owner


def in_doubt_by_log(view: View) -> bool | None:
    """Return whether an attempt may be booked, by the log; None: only the process that has it first-hand knows."""
    if view.state == "assigned":
        return None if is_first_hand(view, view.owner) else True
    return view.released_to != ""


def is_new_at(view: View | None, generation: str) -> bool:
    """Return whether a send to that generation would be the payment's first line there, or the first one at all."""
    return view is None or view.state == "free" or view.generation != generation


def is_owned(view: View | None, owner: str, line: int) -> bool:
    """Return whether this process's line at that sequence is still the last valid one, so that it may be sent."""
    return view is not None and view.state == "assigned" and view.owner == owner and view.last == line


def may_move(view: View | None, owner: str, line: int, *, in_doubt: bool) -> bool:
    """Return whether the payment may go elsewhere: first-hand, and every attempt ended NotBooked (not ``in_doubt``)."""
    return is_owned(view, owner, line) and view is not None and is_first_hand(view, owner) and not in_doubt
