"""What this dispatcher knows of payments that are not settled, from the log and what is in hand. Pure."""

from collections.abc import Callable
from datetime import datetime

from services.contracts.assignments import processor_of
from services.contracts.holding import AttemptMade, Holding, HoldingsAsked
from services.contracts.stamp import stamp_from_micros
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.in_hand import Attempted, InHand
from services.dispatcher.core.ownership import View, is_first_hand
from services.dispatcher.core.traffic import Traffic

LOOKS_MAX = 5_000  # for one request: some milliseconds in which no payment is sent

Stamp = Callable[[float], datetime]  # the UTC time of a moment on the clock of the calls


class UnsettledPayments:
    """Describes payments from the log as far as it was read, and from what is in hand.

    Args:
        log_read: the log.
        traffic: what is in hand.
        stamp: the UTC time of a moment on the clock of the calls.
        is_gone: whether a process, named as in its lines, has sent no pulse for a while.
    """

    def __init__(self, log_read: AssignmentLog, traffic: Traffic, stamp: Stamp, is_gone: Callable[[str], bool]) -> None:
        self._log_read = log_read
        self._traffic = traffic
        self._stamp = stamp
        self._is_gone = is_gone

    def one(self, payment_id: str) -> Holding | None:
        """Return what is known of a payment; None: it waits in the stream, is settled, or does not exist."""
        view, payment = self._log_read.view(payment_id), self._traffic.in_hand.get(payment_id)
        if view is None and payment is None:
            return None
        is_released = view is not None and view.state == "free" and view.released_to != ""
        return Holding(
            id=payment_id,
            # In hand it may still be as before its release, until its next turn.
            processor=processor_of(payment.generation) if payment and not is_released else _assigned_to(view),
            line=0 if view is None else view.last,
            owner="" if view is None else view.owner,
            attempts=payment.attempts if payment else 0,
            in_doubt=payment.in_doubt if payment else self._is_in_doubt(view),
            since=self._since(view, payment),
            released=is_released,
            seq=payment.seq if payment else self._log_read.seq_of(payment_id),
            in_hand=payment is not None,
            last=_last(payment),
        )

    def page(self, asked: HoldingsAsked) -> tuple[tuple[Holding, ...], int | None]:
        """Return the first of the requested payments, by sequence, and up to where this is all; None: it is all."""
        found: list[Holding] = []
        for count, (seq, payment_id) in enumerate(self._in_order(asked)):
            if len(found) == asked.limit or count == LOOKS_MAX:
                return tuple(found), seq - 1
            known = self.one(payment_id)
            if known is not None and _is_wanted(known, asked):
                found.append(known)
        return tuple(found), None

    def attempts(self, payment_id: str) -> tuple[AttemptMade, ...]:
        """Return the newest known attempts of a payment in hand, oldest first."""
        payment = self._traffic.in_hand.get(payment_id)
        if payment is None:
            return ()
        under_way = _under_way(payment)
        return (*map(_made, payment.attempted), *(() if under_way is None else (under_way,)))

    def _in_order(self, asked: HoldingsAsked) -> list[tuple[int, str]]:
        """Return sequence and id of each payment, in hand or with a valid line, that is within the request."""
        in_hand = self._traffic.in_hand
        found = [(self._log_read.seq_of(each), each) for each, _ in self._log_read.views() if each not in in_hand]
        found += [(payment.seq, each) for each, payment in in_hand.items()]
        return sorted(each for each in found if each[0] > asked.after and (asked.to is None or each[0] <= asked.to))

    def _is_in_doubt(self, view: View | None) -> bool:
        """Return whether, by the log, its processor may have booked it; while it belongs to nobody, it was not sent.

        What became of its attempts only the process knows whose first hand it is; with that it is forgotten.
        """
        if view is None or view.state == "free":
            return False
        return not is_first_hand(view, view.owner) or self._is_gone(view.owner)

    def _since(self, view: View | None, payment: InHand | None) -> datetime | None:
        if view is not None and view.owner:
            stored_ns = self._log_read.stored_ns(view.last)
            return stamp_from_micros(stored_ns // 1000) if stored_ns else None
        return self._stamp(payment.since_ms) if payment else None


def _is_wanted(known: Holding, asked: HoldingsAsked) -> bool:
    is_there = asked.processor is None or known.processor == asked.processor
    return is_there and (known.in_doubt or not asked.in_doubt)


def _assigned_to(view: View | None) -> str:
    """Return the only processor that a payment may be sent to, by the log; "" for any."""
    if view is None:
        return ""
    return view.released_to if view.state == "free" else processor_of(view.generation)


def _last(payment: InHand | None) -> AttemptMade | None:
    if payment is None:
        return None
    return _made(payment.attempted[-1]) if payment.attempted else _under_way(payment)


def _under_way(payment: InHand) -> AttemptMade | None:
    if payment.sent_at is None or payment.call is None:
        return None
    return AttemptMade(payment.sent_at, processor_of(payment.call[0]))


def _made(attempted: Attempted) -> AttemptMade:
    requested_at, processor, took_ms, outcome, detail, _ = attempted
    return AttemptMade(requested_at, processor, round(took_ms, 1), outcome, detail)
