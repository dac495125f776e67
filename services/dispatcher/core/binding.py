"""Which processor a payment in hand may be sent to: the rules that keep it from being charged twice.

A payment is bound to one processor at a time, at first to the home. Only a fresh one whose attempts all ended
NotBooked may move; one Unknown, or having been in other hands before, binds it for good. No rule here looks at a clock.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a payment in hand may be sent.

    Args:
        processor: the only one that it may be sent to now.
        revision: of its entry in the bindings bucket; 0 while none is written and the home is meant.
        may_move: fresh, and every attempt so far ended NotBooked.
        stamp_from_processor: an attempt may have booked that we have no answer of, so that only the processor knows
            which requested_at was recorded.
    """

    processor: str
    revision: int = 0
    may_move: bool = True
    stamp_from_processor: bool = False


class BoundTo(NamedTuple):
    """An entry of the bindings bucket."""

    processor: str
    revision: int


def fresh(home: str) -> Binding:
    """Return the binding of a payment that nobody can have sent anywhere yet."""
    return Binding(home)


def taken_over(processor: str, revision: int) -> Binding:
    """Return the binding of a suspect payment after its entry was written anew: whoever held it cannot move it."""
    return Binding(processor, revision, may_move=False, stamp_from_processor=True)


def must_be_free(binding: Binding) -> None:
    """Raise on the bug that would charge twice: a payment with an unknown past that is about to move."""
    if not binding.may_move:
        raise ValueError("a payment with an unknown past never moves")


def moved(binding: Binding, processor: str, revision: int) -> Binding:
    """Return the binding after the compare-and-set that moved a payment to another processor."""
    must_be_free(binding)
    return replace(binding, processor=processor, revision=revision)


def after_unknown(binding: Binding) -> Binding:
    """Return the binding after an attempt that may have booked, or may yet: from here on it never moves."""
    return replace(binding, may_move=False, stamp_from_processor=True)


def is_fresh(*, num_delivered: int, seq: int, mark: int, has_binding: bool) -> bool:
    """Return whether nobody can have sent this payment anywhere yet.

    ``has_binding``: an id with an entry in the bindings bucket was moved or taken over once, perhaps as an earlier
    acceptance of the same id; the home must not be tried before SETTLEMENTS was asked.
    """
    return num_delivered == 1 and seq > mark and not has_binding


def mark_of(*, stream_last: int, delivered: int, settled_max: int, seen_max: int, max_ack_pending: int) -> int:
    """Return the sequence up to which a first delivery may really be a repeated one.

    A killed server forgets its last deliveries and acks. Whatever it says was delivered, at most ``max_ack_pending``
    sequences beyond the largest one known to have been settled or seen can ever have been in anybody's hands.
    """
    return min(stream_last, max(delivered, settled_max, seen_max) + max_ack_pending)
