"""What one process of the dispatcher may do next: section 5 of the design, one handler for each phase.

Two steps are combined into one if nothing that happens in between could matter.
"""

from collections.abc import Callable

from services.dispatcher.core.ownership import is_first_hand, is_owned, may_move
from tests.model.world import (
    AT_RISK,
    GENERATIONS,
    OF_BEFORE,
    ORDINARY,
    REFUSED,
    Flight,
    Job,
    Kind,
    Line,
    Steps,
    World,
    after_line,
    closed_in,
    drop,
    gone,
    name,
    nobody_waits,
    processor,
    put,
    view_of,
)

PAST_LOOK_UP = ("sends", "waits")  # a process that is frozen there meets the new server only later


def dispatcher_steps(world: World, k: int, without: str) -> Steps:
    """Yield all that process ``k`` may do."""
    job = world.jobs[k]
    if not job.met:
        forgets = put(nobody_waits(world, job.name), k, Job(job.name))
        yield f"{job.name} meets the new server and forgets all", forgets
    elif job.read < len(world.log):
        yield _read(world, k, job, without)
    if job.met or job.phase in PAST_LOOK_UP:
        for what, after in _HANDLERS[job.phase](world, k, job, without):
            yield f"{job.name} {what}", after
    if job.phase != "idle":
        alone = nobody_waits(world, job.name)
        if world.left.drops:
            left = world.left._replace(drops=world.left.drops - 1)
            yield f"{job.name} drops the payment by an exception", put(alone, k, drop(job), left=left)
        if world.left.crashes:
            left = world.left._replace(crashes=world.left.crashes - 1)
            yield f"{job.name} crashes and starts again", put(alone, k, Job(job.name + "'"), left=left)


def _read(world: World, k: int, job: Job, without: str) -> tuple[str, World]:
    line, at = world.log[job.read], job.read + 1
    view, valid = after_line(job.view, line, at, closed_in(world.log[: job.read]), without)
    job = job._replace(read=at, view=view)
    if job.published == line:
        job = _own(job, line, at, without) if valid else drop(job)
    elif job.published and valid and without != "no_after":
        job = drop(job)  # whatever it published follows a line that is no longer the last
    return f"{job.name} reads line {at}", put(world, k, job)


def _own(job: Job, line: Line, at: int, without: str) -> Job:
    if line.kind != "send":
        return drop(job)  # it belongs to nobody again, or any process may record its refusal
    view = view_of(job.view)
    doubt = job.doubt or view is None or not is_first_hand(view, job.name)
    phase = "sends" if without in ("look_first", "no_look") else "looks"
    return job._replace(phase=phase, at=at, published=None, doubt=doubt)


def _idle(world: World, k: int, job: Job, without: str) -> Steps:
    view = view_of(job.view)
    if without == "drop_is_first_hand" and view is not None and is_first_hand(view, job.name):
        own = job._replace(phase="looks", to=processor(view.generation), at=view.last)
        yield "gets the payment, and knows its own line", put(world, k, own)
    if view is not None and view.state == "refused":
        settled = REFUSED if world.settled is None else world.settled
        yield "stores the refusal", put(world, k, job, settled=settled)
    elif world.went_back and without != "no_doubt":
        yield from _doubts(world, k, job, without)
    elif without == "look_first":
        if world.settled is None:
            yield "looks before it assigns", put(world, k, job._replace(phase="holds"))
    elif not _is_mirrored(world, k):
        yield from _holds(world, k, job, without)
    if world.settled is not None and any(not line.gone for line in world.log[: job.read]):
        log = gone(world.log, job.read)
        yield "finds it settled, and deletes its lines", put(world, k, job._replace(view=0), log=log)


def _is_mirrored(world: World, k: int) -> bool:
    """Return whether the other process could do the same, with the same consequences under other names."""
    return k == 1 and not (world.log or world.net or world.went_back) and world.jobs[0] == Job("d0")


def _doubts(world: World, k: int, job: Job, without: str) -> Steps:
    """After the store went back: asked at every processor, once no earlier POST can still be under way."""
    for to in (0, 1):
        if world.booked[to]:
            yield f"asks both, and {name(to)} has it", put(world, k, job._replace(phase="booked", to=to))
    over = all(j.met for j in world.jobs) and not any(flight.tag == OF_BEFORE for flight in world.flights)
    if over and not any(world.booked):
        yield from _holds(world, k, job, without)


def _holds(world: World, k: int, job: Job, without: str) -> Steps:
    view = view_of(job.view)
    if view is not None and view.state == "assigned":
        choice = [processor(view.generation)]
    elif view is not None and view.released_to:
        choice = [processor(view.released_to)]
    elif not (world.log or world.net or world.went_back):
        choice = [0]  # the other one is its mirror image
    else:
        choice = [0, 1]
    closed = closed_in(world.log[: job.read])
    for to in choice:
        if GENERATIONS[to] not in closed or (view is not None and view.state == "assigned"):
            yield from _publish(world, k, job, "send", to)


def _publish(world: World, k: int, job: Job, kind: Kind, to: int) -> Steps:
    view = view_of(job.view)
    line = Line(job.name, kind, to, 0 if view is None else view.last)
    if len(world.log) < world.left.log and world.left.lines:
        left = world.left._replace(lines=world.left.lines - 1)
        published = job._replace(phase="published", to=to, published=line)
        what = f"publishes '{kind}' for {name(to)} after {line.after}"
        yield what, put(world, k, published, net=world.net | {line}, left=left)


def _published(world: World, k: int, job: Job, without: str) -> Steps:
    """The same message is published again until it is read, which is what ``net`` means."""
    view = view_of(job.view)
    if without == "sends_on" and job.at and view is not None:
        flight = Flight(processor(view.generation), "")
        yield f"POSTs to {name(flight.to)}", world._replace(flights=world.flights | {flight})
    if without == "new_decision" and view is not None and job.at:
        old = job._replace(published=None, phase="not booked", to=processor(view.generation))
        yield "no longer waits for its PubAck and decides again", put(world, k, old)


def _looks(world: World, k: int, job: Job, without: str) -> Steps:
    if world.settled is not None:
        yield "looks: settled", put(world, k, drop(job))
    if world.settled is None or without == "stale_look_up":
        yield "looks: nothing", put(world, k, job._replace(phase="sends"))


def _sends(world: World, k: int, job: Job, without: str) -> Steps:
    """What is in doubt is asked about first: it is there, or not there, or there is no answer."""
    if job.doubt and world.booked[job.to]:
        yield f"asks {name(job.to)}, which has it", put(world, k, job._replace(phase="booked"))
    tag = OF_BEFORE if not job.met else AT_RISK if job.at_risk else ORDINARY
    flights = world.flights | {Flight(job.to, job.name, tag)}
    yield f"POSTs to {name(job.to)}", put(world, k, job._replace(phase="waits"), flights=flights)


def _waits(world: World, k: int, job: Job, without: str) -> Steps:
    alone = nobody_waits(world, job.name)
    if without == "unknown_may_move":
        yield "does not know the outcome", put(alone, k, job._replace(phase="not booked"))
    else:
        yield from _asks_the_end(alone, k, job._replace(doubt=True), "does not know the outcome and")
    if without == "second_start" and not job.doubt:
        yield "starts it again for another sequence", put(alone, k, job._replace(phase="looks"))


def _not_booked(world: World, k: int, job: Job, without: str) -> Steps:
    yield from _asks_the_end(world, k, job, "will send again there and")
    if not may_move(view_of(job.view), job.name, job.at, in_doubt=job.doubt):
        return
    if GENERATIONS[1 - job.to] not in closed_in(world.log[: job.read]):
        yield from _publish(world, k, job, "send", 1 - job.to)
    if world.left.returns:
        left = world.left._replace(returns=world.left.returns - 1)
        yield from _publish(world._replace(left=left), k, job, "returned", job.to)


def _was_refused(world: World, k: int, job: Job, without: str) -> Steps:
    """The refusal may be provisional."""
    yield from _asks_the_end(world, k, job, "will send again there and")
    if may_move(view_of(job.view), job.name, job.at, in_doubt=job.doubt):
        yield from _publish(world, k, job, "refused", job.to)


def _asks_the_end(world: World, k: int, job: Job, why: str) -> Steps:
    now = job._replace(phase="reads on", need=len(world.log), at_risk=False)
    yield f"{why} asks how far the log reaches", put(world, k, now)


def _reads_on(world: World, k: int, job: Job, without: str) -> Steps:
    if job.read < job.need:
        return
    if is_owned(view_of(job.view), job.name, job.at):
        yield from _looks(world, k, job._replace(need=0), without)
    else:
        yield "is no longer the owner and gives it back", put(world, k, drop(job))


def _booked(world: World, k: int, job: Job, without: str) -> Steps:
    if without == "delete_before_store" and not all(line.gone for line in world.log[: job.read]):
        yield "deletes its lines", put(world, k, job, log=gone(world.log, job.read))
    settled = job.to if world.settled is None else world.settled
    yield "stores the settlement and acks", put(world, k, drop(job), settled=settled)


_HANDLERS: dict[str, Callable[[World, int, Job, str], Steps]] = {
    "idle": _idle,
    "holds": _holds,
    "published": _published,
    "looks": _looks,
    "sends": _sends,
    "waits": _waits,
    "not booked": _not_booked,
    "was refused": _was_refused,
    "reads on": _reads_on,
    "booked": _booked,
}
