"""A run in intervals of five seconds: what was accepted, how fast it was answered, and the internal state. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sandbox.rinha.load_journal import LoadJournal, PostedPayment
from sandbox.rinha.score import latency
from sandbox.rinha.state_samples import CpuUsage, StateSample

INTERVAL_S = 5
_MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval. Counts are per second, ``cpu`` in CPUs, ``throttled_ms`` per second; None if unknown."""

    from_s: int
    accepted_per_s: float
    p50_ms: float
    p99_ms: float
    backlog: int | None
    in_hand: int | None
    calls_per_s: float | None
    moves_per_s: float | None
    in_flight: dict[str, float]
    conditions: dict[str, str]
    cpu: dict[str, float]
    throttled_ms: dict[str, float]


def intervals_of(journal: LoadJournal, samples: Sequence[StateSample], length_s: int) -> list[Interval]:
    """Return a run's intervals. A level is of the samples within one; a rate begins at the last sample before it."""
    start_ms = journal.start_ms or 0
    found = []
    for from_s in range(0, length_s, INTERVAL_S):
        begin_ms, end_ms = start_ms + from_s * _MS_PER_S, start_ms + (from_s + INTERVAL_S) * _MS_PER_S
        posts = [post for post in journal.posts if begin_ms <= post.at_ms < end_ms]
        before = [sample for sample in samples if sample.at_ms < begin_ms][-1:]
        within = [sample for sample in samples if begin_ms <= sample.at_ms < end_ms]
        found.append(_interval(from_s, posts, before, within))
    return found


def processors(intervals: Sequence[Interval]) -> list[str]:
    """Return the processors of all intervals."""
    return list(dict.fromkeys(name for one in intervals for name in one.in_flight))


def services(intervals: Sequence[Interval]) -> list[str]:
    """Return the services of all intervals."""
    return list(dict.fromkeys(name for one in intervals for name in one.cpu))


def header(intervals: Sequence[Interval]) -> list[str]:
    """Return the names of the columns of `row`."""
    names = ["second", "accepted/s", "p50 ms", "p99 ms", "backlog", "calls/s", "moves/s"]
    for processor in processors(intervals):
        names += [f"{processor}: in flight", "condition"]
    for service in services(intervals):
        names += [f"{service}: CPUs", "throttled ms/s"]
    return names


def row(one: Interval, intervals: Sequence[Interval]) -> list[str]:
    """Return the texts of one interval's columns."""
    texts = [str(one.from_s), f"{one.accepted_per_s:.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}"]
    texts += [_text(one.backlog), _text(one.calls_per_s), _text(one.moves_per_s)]
    for processor in processors(intervals):
        texts += [_text(one.in_flight.get(processor)), one.conditions.get(processor, "")]
    for service in services(intervals):
        cpus = one.cpu.get(service)
        texts += ["" if cpus is None else f"{cpus:.2f}", _text(one.throttled_ms.get(service))]
    return texts


def _interval(
    from_s: int, posts: list[PostedPayment], before: Sequence[StateSample], within: Sequence[StateSample]
) -> Interval:
    answered = latency(posts)
    states = [sample.state for sample in within if sample.state is not None]
    names = list(states[-1].in_flight) if states else []
    ends = [*before, *within]
    known = [(sample.at_ms, sample.state) for sample in ends if sample.state is not None]
    return Interval(
        from_s=from_s,
        accepted_per_s=sum(post.is_accepted for post in posts) / INTERVAL_S,
        p50_ms=answered.p50_ms,
        p99_ms=answered.p99_ms,
        backlog=states[-1].backlog if states else None,
        in_hand=states[-1].in_hand if states else None,
        calls_per_s=_per_s([(at_ms, state.calls) for at_ms, state in known]),
        moves_per_s=_per_s([(at_ms, state.moves) for at_ms, state in known]),
        in_flight={name: sum(state.in_flight[name] for state in states) / len(states) for name in names},
        conditions={name: _all_that_was(state.conditions[name] for state in states) for name in names},
        cpu=_rates(ends, lambda cpu_usage: cpu_usage.cpu_s),
        throttled_ms=_rates(ends, lambda cpu_usage: cpu_usage.throttled_s * _MS_PER_S),
    )


def _rates(ends: Sequence[StateSample], of: Callable[[CpuUsage], float]) -> dict[str, float]:
    names = ends[-1].cpu_usage if ends else {}
    rates = {
        name: _per_s([(sample.at_ms, of(sample.cpu_usage[name])) for sample in ends if name in sample.cpu_usage])
        for name in names
    }
    return {name: rate for name, rate in rates.items() if rate is not None}


def _per_s(values: Sequence[tuple[int, float]]) -> float | None:
    """Return how fast a count grew; None if it was reset, as after the counting process has died."""
    if len(values) < 2 or values[-1][1] < values[0][1]:  # noqa: PLR2004  # a rate needs two
        return None
    return (values[-1][1] - values[0][1]) * _MS_PER_S / (values[-1][0] - values[0][0])


def _all_that_was(conditions: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(conditions))


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
