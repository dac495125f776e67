"""What may happen around the dispatchers: bus, processors, operator, one more process, a store that goes back."""

from tests.model.world import (
    AT_RISK,
    EXCUSED,
    NO,
    OF_BEFORE,
    OPERATOR,
    YES,
    Flight,
    Job,
    Left,
    Line,
    Steps,
    World,
    after_line,
    closed_in,
    name,
    processor,
    put,
    view_after,
    view_of,
)


def outside_steps(world: World, without: str) -> Steps:
    """Yield all that may happen without a dispatcher."""
    yield from _bus(world, without)
    yield from _processors(world)
    yield from _rare(world)
    if world.left.releases or any(line.kind == "released" for line in world.log):
        yield from _operator(world, without)


def _bus(world: World, without: str) -> Steps:
    if len(world.log) < world.left.log:
        for line in world.net:
            yield f"'{line.kind}' of {line.owner} for {name(line.to)} is stored", _stored(world, line, without)


def _stored(world: World, line: Line, without: str) -> World:
    at = len(world.log) + 1
    valid = after_line(view_after(world.log, without), line, at, closed_in(world.log), without)[1]
    world = world._replace(log=(*world.log, line))
    return _with_risk(world) if line.kind == "released" and valid else world


def _with_risk(world: World) -> World:
    """Excuse what may charge in spite of the release, which is what the command warns of.

    That is all with a line, until they ask again how far the log reaches, and all that is under way or booked.
    """
    return world._replace(
        jobs=tuple([job._replace(at_risk=job.phase != "idle") for job in world.jobs]),
        flights=frozenset([flight._replace(tag=AT_RISK) for flight in world.flights]),
        booked=(min(world.booked[0], EXCUSED), min(world.booked[1], EXCUSED)),
    )


def _processors(world: World) -> Steps:
    for flight in world.flights:
        over = world._replace(flights=world.flights - {flight})
        done = _book(over, flight)
        if flight.who:
            yield from _answers(world, over, done, flight)
        else:
            yield f"{name(flight.to)} books, nobody is waiting", done
            if flight.tag == OF_BEFORE:  # only of these does it matter whether they are over
                yield f"{name(flight.to)} fails, nobody is waiting", over


def _answers(world: World, over: World, done: World, flight: Flight) -> Steps:
    k, job = next((k, job) for k, job in enumerate(world.jobs) if job.name == flight.who)
    to = name(flight.to)
    yield f"{to} books, {job.name} gets the answer", put(done, k, job._replace(phase="booked"))
    if world.booked[flight.to] == NO:
        yield f"{to} does not book, {job.name} gets the answer", put(over, k, job._replace(phase="not booked"))
        if world.left.refusals:
            left = world.left._replace(refusals=world.left.refusals - 1)
            refused = put(over, k, job._replace(phase="was refused"), left=left)
            yield f"{to} refuses, {job.name} gets the answer", refused


def _book(over: World, flight: Flight) -> World:
    """Remove the others under way there: they change nothing, as it has the id already."""
    to = flight.to
    booked = over.booked[to] or (EXCUSED if flight.tag == AT_RISK else YES)
    both = (booked, over.booked[1]) if to == 0 else (over.booked[0], booked)
    return over._replace(booked=both, flights=frozenset([f for f in over.flights if f.who or f.to != to]))


def _operator(world: World, without: str) -> Steps:
    view = view_of(view_after(world.log, without))
    if world.left.releases and view is not None and view.owner and len(world.log) < world.left.log:
        left = world.left._replace(releases=world.left.releases - 1)
        line = Line(OPERATOR, "released", 1 - processor(view.generation), view.last)
        yield f"the operator releases it to {name(line.to)}", world._replace(net=world.net | {line}, left=left)
    if without == "release_deleted":
        log = tuple([e._replace(gone=e.gone or e.kind == "released") for e in world.log])
        yield "the release is deleted", world._replace(log=log)


def _rare(world: World) -> Steps:
    left = world.left
    if left.late:
        yield "d2 joins", world._replace(jobs=(*world.jobs, Job("d2")), left=left._replace(late=0))
    if left.closes and len(world.log) < left.log:
        for to in (0, 1):
            log = (*world.log, Line(OPERATOR, "closed", to, 0))
            closed = world._replace(log=log, left=left._replace(closes=left.closes - 1))
            yield f"{name(to)} takes no new payments", closed
    if left.back:
        for length in range(len(world.log) + 1):
            yield f"the store goes back to {length} lines", _gone_back(world, length, left._replace(back=0))


def _gone_back(world: World, length: int, left: Left) -> World:
    """What was deleted since is back, what was stored since is lost; the POSTs are still under way."""
    return world._replace(
        jobs=tuple([job._replace(met=False) for job in world.jobs]),
        log=tuple([line._replace(gone=False) for line in world.log[:length]]),
        flights=frozenset([flight._replace(tag=OF_BEFORE) for flight in world.flights]),
        settled=None,
        went_back=True,
        left=left,
    )
