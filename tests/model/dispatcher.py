"""What one process of the dispatcher may do next: section 5 of the design, one handler for each phase."""

from collections.abc import Callable

from services.dispatcher.core.ownership import is_first_hand, is_owned, may_move
from tests.model.world import (
    AT_RISK,
    GENERATIONS,
    OF_BEFORE,
    ORDINARY,
    REFUSED,
    Job,
    Kind,
    Line,
    Steps,
    World,
    after_line,
    closed_in,
    gone,
    let_go,
    name,
    processor,
    put,
    view_of,
)

POSTS_MAX = 2  # under way at one processor


def dispatcher_steps(world: World, k: int, without: str) -> Steps:
    """Yield all that process ``k`` may do."""
    job = world.jobs[k]
    if not job.met:
        yield f"{job.name} meets the new server and forgets all", put(world, k, Job(job.name))
    elif job.read < len(world.log):
        yield _read(world, k, job, without)
    if job.met or job.phase in ("sends", "waits", "asks"):
        for what, after in _HANDLERS[job.phase](world, k, job, without):
            yield f"{job.name} {what}", after
    if world.left.crashes and job.phase != "idle":
        left = world.left._replace(crashes=world.left.crashes - 1)
        yield f"{job.name} drops the payment by an exception", put(world, k, let_go(job), left=left)
        yield f"{job.name} crashes and starts again", put(world, k, Job(job.name + "'"), left=left)


def _read(world: World, k: int, job: Job, without: str) -> tuple[str, World]:
    line, at = world.log[job.read], job.read + 1
    view, valid = after_line(job.view, line, at, closed_in(world.log[: job.read]), without)
    job = job._replace(read=at, view=view)
    if job.published == line:
        job = _own(job, line, at, without) if valid else let_go(job)
    elif job.published and valid and without != "no_after":
        job = let_go(job)  # whatever it published follows something that is not the last any more
    return f"{job.name} reads line {at}", put(world, k, job)


def _own(job: Job, line: Line, at: int, without: str) -> Job:
    if line.kind == "returned":
        return let_go(job)
    view = view_of(job.view)
    doubt = job.doubt or view is None or not (is_first_hand(view, job.name) or line.kind == "refused")
    phase = "refused" if line.kind == "refused" else "looks"
    if phase == "looks" and without in ("look_first", "no_look"):
        phase = "asks" if doubt else "sends"
    return job._replace(phase=phase, at=at, published=None, doubt=doubt)


def _idle(world: World, k: int, job: Job, without: str) -> Steps:
    if world.queued and not _is_mirrored(world, k):
        view = view_of(job.view)
        if without == "drop_is_first_hand" and view is not None and is_first_hand(view, job.name):
            own = job._replace(phase="looks", to=processor(view.generation), at=view.last)
            yield "gets the payment, and knows its own line", put(world, k, own)
        phase = "doubts" if world.went_back and without != "no_doubt" else "holds"
        if phase == "holds" and without == "look_first":
            phase = "looks first"
        yield "gets the payment", put(world, k, job._replace(phase=phase))
    if world.settled is not None and any(not line.gone for line in world.log[: job.read]):
        log = gone(world.log, job.read)
        yield "finds it settled, and deletes its lines", put(world, k, job._replace(view=0), log=log)


def _is_mirrored(world: World, k: int) -> bool:
    """Return whether the other process could do the same, and all after it would be the same by other names."""
    first = world.jobs[0]
    return k == 1 and not (world.log or world.net or world.went_back) and first == Job("d0")


def _doubts(world: World, k: int, job: Job, without: str) -> Steps:
    """After the store went back: asked at every processor, once nothing of before can still be under way."""
    for to in (0, 1):
        if world.booked[to]:
            yield f"asks both, and {name(to)} has it", put(world, k, job._replace(phase="booked", to=to))
    over = all(j.met for j in world.jobs) and not any(tag == OF_BEFORE for _, _, tag in world.flights)
    if over and not any(world.booked):
        yield "asks both, and neither has it", put(world, k, job._replace(phase="holds"))


def _looks_first(world: World, k: int, job: Job, without: str) -> Steps:
    phase = "holds" if world.settled is None else "stored"
    yield "looks before it assigns", put(world, k, job._replace(phase=phase))


def _holds(world: World, k: int, job: Job, without: str) -> Steps:
    view = view_of(job.view)
    if view is not None and view.state == "refused":
        yield "sees that it is refused", put(world, k, job._replace(phase="refused"))
        return
    if view is None or view.state == "free":
        closed = closed_in(world.log[: job.read])
        choice = [to for to in (0, 1) if GENERATIONS[to] not in closed]
        if view is not None and view.released_to:
            choice = [processor(view.released_to)]
        elif not (world.log or world.net or world.went_back):
            choice = [0]  # the other one is its mirror image
    else:
        choice = [processor(view.generation)]
    for to in choice:
        yield from _publish(world, k, job, "send", to)


def _publish(world: World, k: int, job: Job, kind: Kind, to: int) -> Steps:
    view = view_of(job.view)
    line = Line(job.name, kind, to, 0 if view is None else view.last)
    if len(world.log) < world.left.log:
        what = f"publishes '{kind}' for {name(to)} after {line.after}"
        yield what, put(world, k, job._replace(phase="published", to=to, published=line), net=world.net | {line})


def _published(world: World, k: int, job: Job, without: str) -> Steps:
    """The very same line is published again until it is read, which is what ``net`` means."""
    view = view_of(job.view)
    if without == "sends_on" and job.at and view is not None and len(world.flights) < POSTS_MAX:
        yield from _post(world, k, job, processor(view.generation), "published")
    if without == "new_decision":
        old = job._replace(published=None, phase="not booked" if job.at else "holds")
        if view is not None:
            old = old._replace(to=processor(view.generation))
        yield "waits no longer for its PubAck and decides anew", put(world, k, old)


def _looks(world: World, k: int, job: Job, without: str) -> Steps:
    if world.settled is not None:
        yield "looks: settled", put(world, k, job._replace(phase="stored"))
    if world.settled is None or without == "stale_look_up":
        yield "looks: nothing", put(world, k, job._replace(phase="asks" if job.doubt else "sends"))
    yield from _second_start(world, k, job, without)


def _asks(world: World, k: int, job: Job, without: str) -> Steps:
    if world.booked[job.to]:
        yield f"asks {name(job.to)}, which has it", put(world, k, job._replace(phase="booked"))
    yield f"asks {name(job.to)}: not there, or no answer", put(world, k, job._replace(phase="sends"))


def _sends(world: World, k: int, job: Job, without: str) -> Steps:
    if sum(to == job.to for to, _, _ in world.flights) < POSTS_MAX:
        yield from _post(world, k, job, job.to, "waits")


def _post(world: World, k: int, job: Job, to: int, phase: str) -> Steps:
    tag = AT_RISK if job.at_risk else ORDINARY if job.met else OF_BEFORE
    flights = tuple(sorted([*world.flights, (to, job.name if phase == "waits" else "", tag)]))
    yield f"POSTs to {name(to)}", put(world, k, job._replace(phase=phase), flights=flights)


def _waits(world: World, k: int, job: Job, without: str) -> Steps:
    if without == "unknown_may_move":
        yield "does not know what became of it", put(world, k, job._replace(phase="not booked"))
        return
    yield "does not know what became of it", put(world, k, job._replace(phase="again", doubt=True))
    yield from _second_start(world, k, job, without)


def _second_start(world: World, k: int, job: Job, without: str) -> Steps:
    if without == "second_start" and world.left.again and not job.doubt:
        left = world.left._replace(again=world.left.again - 1)
        yield "starts it again for another sequence", put(world, k, job._replace(phase="looks"), left=left)


def _not_booked(world: World, k: int, job: Job, without: str) -> Steps:
    yield "will send again there", put(world, k, job._replace(phase="again"))
    if not may_move(view_of(job.view), job.name, job.at, in_doubt=job.doubt):
        return
    if GENERATIONS[1 - job.to] not in closed_in(world.log[: job.read]):
        yield from _publish(world, k, job, "send", 1 - job.to)
    if world.left.returns:
        left = world.left._replace(returns=world.left.returns - 1)
        yield from _publish(world._replace(left=left), k, job, "returned", job.to)


def _was_refused(world: World, k: int, job: Job, without: str) -> Steps:
    yield "takes the refusal for provisional", put(world, k, job._replace(phase="again"))
    if may_move(view_of(job.view), job.name, job.at, in_doubt=job.doubt):
        yield from _publish(world, k, job, "refused", job.to)


def _again(world: World, k: int, job: Job, without: str) -> Steps:
    now = job._replace(phase="reads on", need=len(world.log), at_risk=False)
    yield "asks how far the log reaches", put(world, k, now)


def _reads_on(world: World, k: int, job: Job, without: str) -> Steps:
    if job.read >= job.need:
        if is_owned(view_of(job.view), job.name, job.at):
            yield "is still the owner", put(world, k, job._replace(phase="looks", need=0))
        else:
            yield "is the owner no longer and lets go", put(world, k, let_go(job))


def _refused(world: World, k: int, job: Job, without: str) -> Steps:
    settled = REFUSED if world.settled is None else world.settled
    yield "stores the refusal", put(world, k, job._replace(phase="stored"), settled=settled)


def _booked(world: World, k: int, job: Job, without: str) -> Steps:
    if without == "delete_before_store":
        log = gone(world.log, job.read)
        yield "deletes its lines", put(world, k, job._replace(phase="deleted"), log=log)
    else:
        yield from _deleted(world, k, job, without)


def _deleted(world: World, k: int, job: Job, without: str) -> Steps:
    settled = job.to if world.settled is None else world.settled
    yield "stores the settlement", put(world, k, job._replace(phase="stored"), settled=settled)


def _stored(world: World, k: int, job: Job, without: str) -> Steps:
    yield "acks", put(world, k, job._replace(phase="acked"), queued=False)


def _acked(world: World, k: int, job: Job, without: str) -> Steps:
    after = put(world, k, let_go(job)._replace(view=0), log=gone(world.log, job.read))
    yield "deletes its lines", after


_HANDLERS: dict[str, Callable[[World, int, Job, str], Steps]] = {
    "idle": _idle,
    "doubts": _doubts,
    "looks first": _looks_first,
    "holds": _holds,
    "published": _published,
    "looks": _looks,
    "asks": _asks,
    "sends": _sends,
    "waits": _waits,
    "not booked": _not_booked,
    "was refused": _was_refused,
    "again": _again,
    "reads on": _reads_on,
    "refused": _refused,
    "booked": _booked,
    "deleted": _deleted,
    "stored": _stored,
    "acked": _acked,
}
