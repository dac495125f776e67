"""The state of a small world of one payment, and what a reader concludes of a line: by the dispatcher's own functions.

Kept small so that all of it can be searched. A payment may be delivered at any time, to any process and again: a lost
ack, or the id accepted again, is no more than that, so there is no queue. A published line may be stored at any time
and again, or never: there are no PubAcks. A POST that nothing waits for any more may be booked at any time, or never.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NamedTuple

from services.contracts import assignments
from services.contracts.assignments import AssignmentReleased
from services.dispatcher.core.ownership import NOBODY, View, after_release, next_view

PAYMENT = "0198c0de-0000-7000-8000-000000000001"
GENERATIONS = ("a/1", "b/1")
REFUSED = 2  # as what is settled, beside the processors 0 and 1
OPERATOR = "operator"
RELEASED_AT = datetime(2026, 1, 1, tzinfo=UTC)

NO, EXCUSED, YES = 0, 1, 2  # booked; excused: at the risk that the operator took
ORDINARY, AT_RISK, OF_BEFORE = 0, 1, 2  # a POST under way: at risk at a release, or sent before the store went back

Kind = Literal["send", "returned", "refused", "released", "closed"]

# Each removes one rule. The explorer must find what the rule prevents.
VARIANTS = {
    "look_first": "looks up in SETTLEMENTS before its line is read, not after",
    "no_look": "does not look up in SETTLEMENTS at all",
    "no_after": "a line need not follow the last valid one",
    "first_line_is_enough": "a take-over counts as first-hand",
    "delete_before_store": "deletes its lines before the settlement is stored",
    "unknown_may_move": "an Unknown counts as NotBooked",
    "sends_on": "still sends to the old processor after its move is published",
    "new_decision": "decides again where a PubAck did not come",
    "drop_is_first_hand": "continues first-hand with its own line after an exception",
    "second_start": "starts a payment that it has in hand a second time",
    "stale_look_up": "uses a look-up that is older than the log",
    "release_deleted": "a release is deleted before all have read it",
    "no_doubt": "a store that went back is trusted",
}


class Line(NamedTuple):
    """A line of ASSIGNMENTS; ``gone``: deleted."""

    owner: str
    kind: Kind
    to: int
    after: int
    gone: bool = False


class Job(NamedTuple):
    """A process of the dispatcher, with what it knows of the payment.

    Args:
        name: of the process.
        phase: where it is in the protocol; selects the handler in ``dispatcher``.
        to: the processor.
        at: sequence of its own line that was valid.
        published: its line whose validity it does not know yet.
        doubt: whether an attempt's outcome is unknown, or the payment is inherited.
        at_risk: whether a release was stored since it last asked how far the log reaches.
        need: how far it must read.
        read: how far it has read.
        view: what it concludes, as a number of ``view_of``.
        met: whether it has met the server since the store went back.
    """

    name: str
    phase: str = "idle"
    to: int = 0
    at: int = 0
    published: Line | None = None
    doubt: bool = False
    at_risk: bool = False
    need: int = 0
    read: int = 0
    view: int = 0
    met: bool = True


class Flight(NamedTuple):
    """POSTs under way: those whose answer ``who`` waits for, or, without a name, all that nothing waits for."""

    to: int
    who: str
    tag: int = ORDINARY


class Left(NamedTuple):
    """How often each may still happen: this bounds the world."""

    log: int = 3  # how long it may become; all others count down
    lines: int = 3  # published
    crashes: int = 0
    drops: int = 0  # by an exception, in a process that lives on
    late: int = 0
    releases: int = 0
    closes: int = 0
    returns: int = 0
    refusals: int = 0
    back: int = 0


class World(NamedTuple):
    """All there is. ``net``: lines published, each stored any number of times or never."""

    jobs: tuple[Job, ...]
    left: Left
    log: tuple[Line, ...] = ()
    net: frozenset[Line] = frozenset()
    flights: frozenset[Flight] = frozenset()
    booked: tuple[int, int] = (NO, NO)
    settled: int | None = None
    went_back: bool = False


Step = tuple[str, World]
Steps = Iterator[Step]

_views: list[View | None] = [None]
_numbers: dict[View | None, int] = {None: 0}


def view_of(number: int) -> View | None:
    """Return the view of that number: states are compared by number, which is several times as fast."""
    return _views[number]


def _number_of(view: View | None) -> int:
    if view not in _numbers:
        _numbers[view] = len(_views)
        _views.append(view)
    return _numbers[view]


@cache
def after_line(number: int, line: Line, at: int, closed: frozenset[str], without: str) -> tuple[int, bool]:
    """Return the view after a line at a sequence, and whether the line is valid."""
    view = view_of(number)
    if line.gone or line.kind == "closed":
        return number, False
    after = line.after
    if without == "no_after":
        after = 0 if view is None else view.last
    if line.kind == "released":
        release = AssignmentReleased(PAYMENT, 1, after, GENERATIONS[line.to], "", RELEASED_AT)
        new = after_release(view, release, at)
    else:
        sent = assignments.Line(PAYMENT, 1, GENERATIONS[line.to], after, line.kind)
        new = next_view(view, sent, at, line.owner, closed)
    if new is None:
        return number, False
    if without == "first_line_is_enough" and view is not None and new.first_hand_of == NOBODY != new.owner:
        new = View(new.last, new.owner, new.generation, view.first_hand_of)
    return _number_of(new), True


def closed_in(log: tuple[Line, ...]) -> frozenset[str]:
    """Return the generations that a log closes."""
    return frozenset([GENERATIONS[line.to] for line in log if line.kind == "closed"])


def view_after(log: tuple[Line, ...], without: str) -> int:
    """Return what a reader concludes who reads the log only now."""
    number = 0
    for at, line in enumerate(log, start=1):
        number = after_line(number, line, at, closed_in(log[: at - 1]), without)[0]
    return number


def processor(generation: str) -> int:
    """Return the number of a processor."""
    return GENERATIONS.index(generation)


def name(to: int) -> str:
    """Return a processor's name in traces."""
    return "AB"[to]


def put(world: World, k: int, job: Job, **changes: Any) -> World:
    """Return the world with another job, and with the other changes."""
    jobs = (*world.jobs[:k], job, *world.jobs[k + 1 :])
    return world._replace(jobs=jobs, **changes)


def drop(job: Job) -> Job:
    """Return a job that has nothing in hand; it keeps what it has read."""
    return Job(job.name, read=job.read, view=job.view, met=job.met)


def nobody_waits(world: World, who: str) -> World:
    """Return the world when that process no longer waits for any answer; the POSTs are still under way."""
    if not any(flight.who == who for flight in world.flights):
        return world
    flights = [f._replace(who="") if f.who == who else f for f in world.flights]
    return world._replace(flights=frozenset([f for f in flights if f.who or not world.booked[f.to]]))


def gone(log: tuple[Line, ...], read: int) -> tuple[Line, ...]:
    """Return the log with everything deleted that was read so far, except what closes a generation."""
    return tuple([e._replace(gone=e.gone or (i < read and e.kind != "closed")) for i, e in enumerate(log)])


def start(left: Left) -> World:
    """Return the world before anything has happened."""
    return World((Job("d0"), Job("d1")), left)


def violation(world: World) -> str:
    """Return what must never happen, or nothing."""
    if world.booked == (YES, YES):
        return "CHARGED TWICE"
    if world.settled in (0, 1) and not world.booked[world.settled]:
        return "RECORDED BUT NOT CHARGED"
    if world.settled == REFUSED and YES in world.booked:
        return "REFUSED AND CHARGED"
    return ""
