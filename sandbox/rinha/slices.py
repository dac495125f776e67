"""A run in slices of five seconds: what was accepted, how fast it was answered, and the internal state. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sandbox.rinha.insight import Reading, Spent
from sandbox.rinha.journal import Journal, Offer
from sandbox.rinha.score import latency

SLICE_S = 5
_MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice. Counts are per second, ``cpu`` in CPUs, ``throttled_ms`` per second; None if unknown."""

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


def slices_of(journal: Journal, readings: Sequence[Reading], length_s: int) -> list[Slice]:
    """Return a run's slices. A level is of the readings within a slice; a rate begins at the last reading before it."""
    start_ms = journal.start_ms or 0
    found = []
    for from_s in range(0, length_s, SLICE_S):
        begin_ms, end_ms = start_ms + from_s * _MS_PER_S, start_ms + (from_s + SLICE_S) * _MS_PER_S
        offers = [offer for offer in journal.offers if begin_ms <= offer.at_ms < end_ms]
        before = [reading for reading in readings if reading.at_ms < begin_ms][-1:]
        within = [reading for reading in readings if begin_ms <= reading.at_ms < end_ms]
        found.append(_slice(from_s, offers, before, within))
    return found


def processors(slices: Sequence[Slice]) -> list[str]:
    """Return the processors of all slices."""
    return list(dict.fromkeys(name for one in slices for name in one.in_flight))


def services(slices: Sequence[Slice]) -> list[str]:
    """Return the services of all slices."""
    return list(dict.fromkeys(name for one in slices for name in one.cpu))


def header(slices: Sequence[Slice]) -> list[str]:
    """Return the names of the columns of `row`."""
    names = ["second", "accepted/s", "p50 ms", "p99 ms", "backlog", "calls/s", "moves/s"]
    for processor in processors(slices):
        names += [f"{processor}: in flight", "condition"]
    for service in services(slices):
        names += [f"{service}: CPUs", "throttled ms/s"]
    return names


def row(one: Slice, slices: Sequence[Slice]) -> list[str]:
    """Return the texts of one slice's columns."""
    texts = [str(one.from_s), f"{one.accepted_per_s:.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}"]
    texts += [_text(one.backlog), _text(one.calls_per_s), _text(one.moves_per_s)]
    for processor in processors(slices):
        texts += [_text(one.in_flight.get(processor)), one.conditions.get(processor, "")]
    for service in services(slices):
        cpus = one.cpu.get(service)
        texts += ["" if cpus is None else f"{cpus:.2f}", _text(one.throttled_ms.get(service))]
    return texts


def _slice(from_s: int, offers: list[Offer], before: Sequence[Reading], within: Sequence[Reading]) -> Slice:
    answered = latency(offers)
    states = [reading.state for reading in within if reading.state is not None]
    names = list(states[-1].in_flight) if states else []
    ends = [*before, *within]
    known = [(reading.at_ms, reading.state) for reading in ends if reading.state is not None]
    return Slice(
        from_s=from_s,
        accepted_per_s=sum(offer.is_accepted for offer in offers) / SLICE_S,
        p50_ms=answered.p50_ms,
        p99_ms=answered.p99_ms,
        backlog=states[-1].backlog if states else None,
        in_hand=states[-1].in_hand if states else None,
        calls_per_s=_per_s([(at_ms, state.calls) for at_ms, state in known]),
        moves_per_s=_per_s([(at_ms, state.moves) for at_ms, state in known]),
        in_flight={name: sum(state.in_flight[name] for state in states) / len(states) for name in names},
        conditions={name: _all_that_was(state.conditions[name] for state in states) for name in names},
        cpu=_rates(ends, lambda spent: spent.cpu_s),
        throttled_ms=_rates(ends, lambda spent: spent.throttled_s * _MS_PER_S),
    )


def _rates(ends: Sequence[Reading], of: Callable[[Spent], float]) -> dict[str, float]:
    names = ends[-1].spent if ends else {}
    rates = {
        name: _per_s([(reading.at_ms, of(reading.spent[name])) for reading in ends if name in reading.spent])
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
