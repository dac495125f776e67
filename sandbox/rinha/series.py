"""A run second by second: what was accepted, how fast it was answered, what was charged where, the backlog."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from sandbox.charges import Charge
from sandbox.rinha.load_journal import LoadJournal, PostedPayment
from sandbox.rinha.profile import PROCESSORS
from sandbox.rinha.score import latency

MS_PER_S = 1000
US_PER_MS = 1000
SECONDS_MAX = 3600  # no profile is longer; a stamp beyond it is invalid and must not fill the memory


@dataclass(frozen=True, slots=True)
class Series:
    """One value per second of the run in each list; without books, `settled` and `backlog` are empty."""

    seconds: list[int]
    accepted: list[int]
    failed: list[int]
    p50_ms: list[float]
    p99_ms: list[float]
    settled: dict[str, list[int]]
    backlog: list[int]


def series_of(journal: LoadJournal, charges: Sequence[Charge] | None) -> Series:
    """Count everything by second of the run, from its start to its last event."""
    start_ms = journal.start_ms or 0
    posts: dict[int, list[PostedPayment]] = {}
    for post in journal.posts:
        posts.setdefault(_second(post.at_ms, start_ms), []).append(post)
    booked = {name: _per_second(charges or (), name, start_ms) for name in PROCESSORS}
    last = max([0, *posts, *booked["default"], *booked["fallback"]])
    seconds = list(range(min(last, SECONDS_MAX) + 1))
    by_second = [posts.get(second, []) for second in seconds]
    accepted = [sum(post.is_accepted for post in some) for some in by_second]
    latencies = [latency(some) for some in by_second]
    settled = {name: [counts[second] for second in seconds] for name, counts in booked.items()}
    return Series(
        seconds=seconds,
        accepted=accepted,
        failed=[len(some) - count for some, count in zip(by_second, accepted, strict=True)],
        p50_ms=[one.p50_ms for one in latencies],
        p99_ms=[one.p99_ms for one in latencies],
        settled=settled if charges is not None else {},
        backlog=_backlog(accepted, settled.values()) if charges is not None else [],
    )


def _second(at_ms: int, start_ms: int) -> int:
    return max((at_ms - start_ms) // MS_PER_S, 0)


def _per_second(charges: Iterable[Charge], processor: str, start_ms: int) -> Counter[int]:
    return Counter(
        _second(charge.requested_at_us // US_PER_MS, start_ms) for charge in charges if charge.processor == processor
    )


def _backlog(accepted: list[int], settled: Iterable[list[int]]) -> list[int]:
    gains = (came - sum(went) for came, *went in zip(accepted, *settled, strict=True))
    return list(accumulate(gains))
