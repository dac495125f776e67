"""One world for several real dispatchers: the log, the settlements, the payments, the processors' books, the clock.

Everything that can go wrong between a dispatcher and the world is a word here: what happens to a message that it
publishes, to a look-up, to a settlement, to a POST. The test chooses the words; the world only obeys.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.contracts.assignments import Assignment, TurnAssigned
from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.money import Cents
from services.contracts.store_errors import StoreUnavailableError
from services.dispatcher.core.outcome import (
    Absent,
    Booked,
    Found,
    Lookup,
    LookupFailed,
    NotBooked,
    Outcome,
    Refused,
    Unknown,
)
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, DEAR, HOME
from tests.unit.dispatcher.random_time import Clock, Loop

TURNS_MAX = 2_000  # of the loop, until nothing moves: with more, something runs for ever

Mishap = tuple[str, str]  # where, and what
MISHAPS: tuple[Mishap, ...] = (
    *[("publish", what) for what in ("stored unconfirmed", "lost", "late")],
    *[("find", what) for what in ("away", "slow")],
    *[("store", what) for what in ("not stored", "stored unconfirmed")],
)
Ending = Literal["books", "refuses the connection", "fails", "books silently", "is silent", "refuses", "breaks"]
Mood = Ending | Literal["slow"]


class BrokenError(Exception):
    """A bug within a task, on purpose."""


@dataclass(slots=True, eq=False)
class Flight:
    """A POST under way; ``waiting``: its sender still waits for the answer."""

    processor: "Processor"
    id: str
    found: Found
    waiting: asyncio.Future[Outcome] | None = None

    def end(self, how: Ending) -> None:
        """End it, and answer if its sender still waits; silent ones stay under way, and nothing waits for them."""
        self.processor.flights.remove(self)
        waiting, self.waiting = self.waiting, None
        try:
            outcome = self.processor.outcome_of(self, how)
        except BrokenError:
            outcome = Unknown("broken")
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)


@dataclass(slots=True)
class Processor:
    """One processor with its book; answers as ``core/outcome.py`` reads a real one's answers."""

    name: str
    mood: Mood = "books"
    answers_look_ups: bool = True
    book: dict[str, Found] = field(default_factory=dict)
    flights: list[Flight] = field(default_factory=list)

    async def charge(
        self, payment_id: str, amount_cents: int, requested_at: datetime, traceparent: str | None = None
    ) -> Outcome:
        """Take a POST as the mood says."""
        flight = Flight(self, payment_id, Found(Cents(amount_cents), requested_at))
        if self.mood != "slow":
            return self.outcome_of(flight, self.mood)
        flight.waiting = asyncio.get_running_loop().create_future()
        self.flights.append(flight)
        return await flight.waiting

    def look_up(self, payment_id: str) -> Lookup:
        """Answer a GET."""
        if not self.answers_look_ups:
            return LookupFailed("silence")
        return self.book.get(payment_id) or Absent()

    def outcome_of(self, flight: Flight, how: Ending) -> Outcome:
        """Return the outcome for the sender, and book it where it is booked."""
        known = self.book.get(flight.id)
        match how:
            case "refuses the connection":
                return NotBooked("refused")
            case "is silent":
                self.flights.append(flight)  # it may yet be booked
                return Unknown("timeout")
            case "books silently" | "breaks":
                self.book.setdefault(flight.id, flight.found)
                if how == "breaks":
                    raise BrokenError
                return Unknown("timeout")
            case "refuses":
                return Refused("400")
            case "books" | "fails" if known is not None:  # 422 or 500, and then GET
                return Booked(known) if self.answers_look_ups else Unknown("422, and GET: silence")
            case "fails":
                return NotBooked("500") if self.answers_look_ups else Unknown("500, and GET: silence")
            case "books":
                self.book[flight.id] = flight.found
                return Booked(recorded=None)


class World:
    """All that dispatchers share. ``readers`` are called when something was stored in the log."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.processors = {AT_HOME: Processor(HOME), AT_DEAR: Processor(DEAR)}
        self.log: list[Assignment | None] = []  # None: deleted
        self.late: list[TurnAssigned] = []
        self.readers: list[Callable[[], None]] = []
        self.settled: dict[str, PaymentSettled | PaymentRefused] = {}
        self.wrongs: list[str] = []  # settled in two ways, or deleted too early
        self.acked: set[str] = set()
        self.alive: set[str] = set()
        self.mishaps: defaultdict[str, deque[str]] = defaultdict(deque)  # of the next publish, find, store
        self.held: list[asyncio.Future[None]] = []  # look-ups whose answer is on its way

    def write(self, message: Assignment) -> int:
        """Store a message in the log; return its sequence."""
        self.log.append(message)
        for reader in self.readers:
            reader()
        return len(self.log)

    def send(self, message: TurnAssigned) -> bool:
        """Store it, or not, or later; return whether its author gets a confirmation."""
        mishap = self._mishap("publish")
        if mishap == "late":
            self.late.append(message)
        elif mishap != "lost":
            self.write(message)
        return not mishap

    def purge_before(self, at: int) -> None:
        """Delete what assigns before a sequence, from any process: two may share a subject."""
        for seq, message in enumerate(self.log[: at - 1], 1):
            if isinstance(message, TurnAssigned):
                self._delete(seq)

    async def delete(self, at: int) -> None:
        """Delete a message."""
        self._delete(at)

    def _delete(self, at: int) -> None:
        """Delete a message all of whose payments must be in SETTLEMENTS by now."""
        message = self.log[at - 1]
        if isinstance(message, TurnAssigned):
            left = [line.id for line in message.lines if line.id not in self.settled]
            self.wrongs += [f"the line of {each} was deleted before it was settled" for each in left]
        self.log[at - 1] = None

    async def find(self, payment_ids: Sequence[str]) -> Mapping[str, PaymentSettled | PaymentRefused]:
        """Answer at once, or later with what is true now, or not at all."""
        how = self._mishap("find")
        if how == "away":
            raise StoreUnavailableError("find")
        found = {each: self.settled[each] for each in payment_ids if each in self.settled}
        if how == "slow":
            self.held.append(answer := self.loop.create_future())
            await answer
        return found

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store a settlement, or not; record one that contradicts another."""
        how = self._mishap("store")
        if how == "not stored":
            return False
        before = self.settled.setdefault(event.id, event)
        if _said(before) != _said(event):
            self.wrongs.append(f"settled as {before} and then {event}")
        return not how

    def _mishap(self, where: str) -> str:
        return self.mishaps[where].popleft() if self.mishaps[where] else ""

    def settle_down(self) -> None:
        """Run every task until it waits for something that will not come by itself."""
        self.loop.run_until_complete(self._until_still())

    async def _until_still(self) -> None:
        for _ in range(TURNS_MAX):
            await asyncio.sleep(0)  # timers that are due run too
            if not self.loop._ready:  # type: ignore[attr-defined]
                return
        raise AssertionError("something runs for ever")


def _said(event: PaymentSettled | PaymentRefused) -> tuple[object, ...]:
    stamp = event.requested_at if isinstance(event, PaymentSettled) else None
    return type(event), event.processor, event.amount_cents, stamp
