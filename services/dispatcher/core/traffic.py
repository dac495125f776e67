"""Everything in hand, and which call may start now: payments to be routed, bound ones to be sent again, slots, pace.

Values in, values out, with the time passed in: ``starts`` returns payments and where each goes, ``fetchable`` how many
more to fetch. Never more than ``in_hand_max`` are in hand.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from operator import attrgetter

from services.contracts.assignments import processor_of
from services.dispatcher.core.condition import Condition, Evidence
from services.dispatcher.core.generation_state import GenerationState
from services.dispatcher.core.in_hand import InHand, Start
from services.dispatcher.core.known_processor import KnownProcessor, known_by_name
from services.dispatcher.core.pace import Pace, backoff_ms
from services.dispatcher.core.route import Candidate, Rules, SendTo, route, sendable

ROUTE_AGAIN_MAX_MS = 400.0  # short: it only makes another payment the next canary


_oldest_first = attrgetter("since_ms", "seq")  # where the oldest must wait, so must all behind it


class Traffic:
    """What one dispatcher has in hand.

    Args:
        generations: of the processors that charge, cheapest first.
        rules: the settings that decide.
    """

    def __init__(self, generations: Sequence[str], rules: Rules) -> None:
        self._rules = rules
        self._states: dict[str, GenerationState] = {}
        self._pace = Pace(rules.calls_per_s_max)
        self._ready: list[InHand] = []  # to be routed now, oldest first
        self._later: list[tuple[float, int, InHand]] = []  # to be routed again from a time on; heap
        self._by_id: dict[str, InHand] = {}
        self.in_hand_max = 0
        self.backlog = 0  # delivered to no dispatcher yet
        self.head_stored_ms = 0.0  # when the oldest of those was stored
        self.charge_at(generations)

    def charge_at(self, taking: Sequence[str], others: Sequence[str] = ()) -> None:
        """Set the generations that take payments, cheapest first, and others that only settle what they have.

        Any other is kept as long as something of it is in hand.
        """
        left = [key for key, state in self._states.items() if state.bound or state.evidence.in_flight]
        known = dict.fromkeys((*taking, *others, *left))
        self._states = {key: self._states.get(key) or GenerationState(key) for key in known}
        for key, state in self._states.items():
            state.takes_new = key in taking
        self.in_hand_max = self._rules.in_flight_max * max(1, len(self._states))

    # ---- what is in hand

    @property
    def in_hand(self) -> Mapping[str, InHand]:
        """All payments in hand, by id."""
        return self._by_id

    @property
    def waiting(self) -> int:
        """Payments in hand that wait to be routed."""
        return len(self._ready) + len(self._later)

    @property
    def generations(self) -> tuple[str, ...]:
        """Every generation of a processor that payments may be sent to."""
        return tuple(self._states)

    def evidence(self, generation: str) -> Evidence:
        """Return the evidence about a generation; the caller adds to it."""
        return self._states[generation].evidence

    def take(self, payment: InHand) -> None:
        """Take a payment in hand; it does not start yet."""
        self._by_id[payment.id] = payment

    def remove(self, payment: InHand) -> None:
        """Remove a payment that is no longer in hand; it must not be waiting."""
        del self._by_id[payment.id]

    def drop_failed(self, payment: InHand) -> None:
        """Remove a payment whose task failed, with the call that it may have had under way."""
        self._by_id.pop(payment.id, None)
        if payment.call is not None:
            self.evidence(payment.call[0]).withdrawn(payment.call[1])

    def to_route(self, payment: InHand) -> None:
        """Have a payment routed now."""
        insort(self._ready, payment, key=_oldest_first)

    def to_route_later(self, payment: InHand, now_ms: float, jitter: float) -> None:
        """Have a payment routed again after a backoff, so that another one may be the next canary."""
        heappush(self._later, (now_ms + jitter * ROUTE_AGAIN_MAX_MS, payment.seq, payment))

    def to_resend(self, payment: InHand, now_ms: float, jitter: float) -> None:
        """Have a bound payment sent again to its processor after a backoff."""
        due_ms = now_ms + (backoff_ms(payment.attempts, jitter) if payment.attempts else 0.0)
        heappush(self._states[payment.generation].bound, (due_ms, payment.seq, payment))

    def has_room_at(self, generation: str) -> bool:
        """Return whether one more payment in doubt may wait in hand for that one: a bulkhead for the others."""
        state = self._states[generation]
        return state.evidence.in_flight + len(state.bound) < self._rules.in_flight_max

    def takes_new(self, generation: str) -> bool:
        """Return whether that one takes new payments: it is neither paused nor closing."""
        return generation in self._states and self._states[generation].takes_new

    @property
    def any_takes_new(self) -> bool:
        """Whether any processor takes new payments."""
        return any(state.takes_new for state in self._states.values())

    def generation_for_new(self, processor: str) -> str | None:
        """Return the generation of a processor that takes new payments now; None: none does."""
        return next(
            (key for key, state in self._states.items() if state.takes_new and processor_of(key) == processor), None
        )

    def note_unclaimed(self, generation: str, count: int) -> None:
        """Record how many are assigned there by dead processes: they will need its slots."""
        self._states[generation].unclaimed = count

    # ---- which may start

    def starts(self, now_ms: float) -> list[Start]:
        """Return the calls that start now; for each the caller must record ``evidence(...).sent``."""
        if not (self._ready or self._later or any(state.bound for state in self._states.values())):
            return []
        while self._later and self._later[0][0] <= now_ms:
            self.to_route(heappop(self._later)[2])
        all_candidates = {name: state.candidate(self._rules, now_ms) for name, state in self._states.items()}
        starts = self._resends(all_candidates, now_ms)
        candidates = [all_candidates[name] for name, state in self._states.items() if state.takes_new]
        sent = 0
        for payment in self._ready:
            start = self._routed(payment, candidates, self.backlog + len(self._ready) - sent, now_ms)
            if start is None:
                break
            starts.append(start)
            sent += 1
        del self._ready[:sent]
        return starts

    def elsewhere(self, payment: InHand, tried: str, now_ms: float) -> Start | None:
        """Return the start of a payment that was not booked where it was tried, if it may go to another one now.

        It is never the next canary of that one: if calls there are slower than canaries are due, it would be each one.
        """
        if self._pace.wait_ms(now_ms) > 0:
            return None
        candidates = self._candidates(now_ms)
        for candidate in candidates:
            candidate.canary_due = candidate.canary_due and candidate.name != tried
        match route(candidates, now_ms - payment.since_ms, self.backlog + len(self._ready), self._rules):
            case SendTo(name) if name != tried:
                return self._start(payment, _named(candidates, name), canary=False)
            case _:
                return None

    def _resends(self, candidates: Mapping[str, Candidate], now_ms: float) -> list[Start]:
        starts = []
        for name, candidate in candidates.items():
            state = self._states[name]
            room = candidate.free + len(state.bound) + state.reserved  # bound ones hold their slots already
            while state.bound and state.bound[0][0] <= now_ms and self._pace.wait_ms(now_ms) == 0:
                canary = not candidate.serves
                if not (candidate.canary_due if canary else room > 0):
                    break
                payment = heappop(state.bound)[2]
                starts.append(self._start(payment, candidate, canary=canary))
                candidate.free += 1  # its slot was counted as taken already; _start took one
                room -= 1
        return starts

    def _routed(self, payment: InHand, candidates: list[Candidate], queue: int, now_ms: float) -> Start | None:
        if self._pace.wait_ms(now_ms) > 0:
            return None
        match route(candidates, now_ms - payment.since_ms, queue, self._rules):
            case None:
                return None
            case SendTo(name, canary):
                candidate = _named(candidates, name)
                return self._start(payment, candidate, canary=canary)

    def _start(self, payment: InHand, candidate: Candidate, *, canary: bool) -> Start:
        self._pace.take()
        candidate.free -= 1
        candidate.canary_due = candidate.canary_due and not canary
        payment.attempts += 1
        return Start(payment, candidate.name)

    # ---- how many more to fetch

    def fetchable(self, now_ms: float) -> int:
        """Return how many payments of the stream could start now, beyond those that wait here.

        While no processor takes new ones, a few are looked through: one may be assigned, refused or settled already.
        """
        room = self.in_hand_max - len(self._by_id)
        if room <= 0:
            return 0
        if not self.any_takes_new:
            claimable = sum(state.claimable(self._rules, now_ms) for state in self._states.values())
            return min(room, max(1, claimable))
        head_age_ms = now_ms - self.head_stored_ms if self.head_stored_ms else 0.0
        wanted = sendable(self._candidates(now_ms), head_age_ms, self.backlog + len(self._ready), self._rules)
        if not self.backlog and not self._ready:
            wanted = max(1, wanted)  # what was given back is in no backlog, and comes again only if it is asked for
        return max(0, min(wanted - len(self._ready), room))

    # ---- what is known, for others

    def conditions(self, now_ms: float) -> dict[str, Condition]:
        """Return the condition of each generation."""
        return {key: state.evidence.condition(now_ms) for key, state in self._states.items()}

    def known_processors(self, now_ms: float) -> dict[str, KnownProcessor]:
        """Return every processor by its name, the cheapest that takes payments first."""
        return known_by_name(self._states, now_ms)

    def oldest_wait_ms(self, now_ms: float) -> float:
        """Return how long the oldest known payment has waited, in hand or in the stream; 0 if none waits."""
        since_ms = [payment.since_ms for payment in self._by_id.values()]
        if self.backlog and self.head_stored_ms:
            since_ms.append(self.head_stored_ms)
        return max(0.0, now_ms - min(since_ms, default=now_ms))

    def _candidates(self, now_ms: float) -> list[Candidate]:
        return [state.candidate(self._rules, now_ms) for state in self._states.values() if state.takes_new]


def _named(candidates: Sequence[Candidate], name: str) -> Candidate:
    return next(each for each in candidates if each.name == name)
