"""What the load generator recorded, line by line: the only record of what was offered and how it was answered.

Each payment offered has exactly one line, written when its answer came or its timeout ended. So after a run the ids
are known one by one: accepted, failed, or in doubt (no answer: the backend may or may not have stored it).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox.rinha.profile import PROCESSORS, Differences
from services.contracts.summary import Totals

ACCEPTED = frozenset({200, 201, 202, 204})  # what the challenge counts as a success


@dataclass(frozen=True, slots=True)
class PostedPayment:
    """One POST /payments and its answer; status 0 means that none came in time."""

    id: str
    at_ms: int
    status: int
    took_ms: float

    @property
    def is_accepted(self) -> bool:
        """Whether the backend has accepted it."""
        return self.status in ACCEPTED

    @property
    def is_in_doubt(self) -> bool:
        """Whether it is unknown if the backend stored it."""
        return self.status == 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the backend counted and what the processors had booked, asked at the same moment about the same period.

    `before` and `after` are the processors' answers just before and just after, where a profile asks for them.
    """

    at_ms: int
    said: dict[str, Totals]
    booked: dict[str, Totals]
    fees: dict[str, float | None]
    before: dict[str, Totals] | None = None
    after: dict[str, Totals] | None = None

    def differences(self, how: Differences) -> int:
        """Count the payments on which backend and processors disagree, added up as the profile says."""
        gaps = [self.said[name].count - self.booked[name].count for name in PROCESSORS]
        return abs(sum(gaps)) if how is Differences.ABS_OF_SUM else sum(map(abs, gaps))

    @property
    def outside(self) -> int:
        """Count the payments by which the backend lies below `before` or above `after`; 0 where they are not known."""
        if self.before is None or self.after is None:
            return 0
        said, before, after = self.said, self.before, self.after
        return sum(
            max(0, before[name].count - said[name].count) + max(0, said[name].count - after[name].count)
            for name in PROCESSORS
        )

    @property
    def difference_cents(self) -> int:
        """Return the cents on which they disagree, never balanced between processors."""
        return sum(abs(self.said[name].cents - self.booked[name].cents) for name in PROCESSORS)


@dataclass(frozen=True, slots=True)
class Calls:
    """The load generator's own statistics over all its successful HTTP calls: the challenge scores this p99."""

    count: int
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class LoadJournal:
    """All lines so far. It is read while the load runs, for the display, and is complete once the load has ended."""

    start_ms: int | None = None
    posts: list[PostedPayment] = field(default_factory=list)
    accepted: int = 0
    checks: list[Comparison] = field(default_factory=list)
    stages_refused: int = 0
    totals: Comparison | None = None
    calls: Calls | None = None

    def add(self, lines: Iterable[bytes]) -> None:
        """Add lines of the journal file, in order."""
        for line in lines:
            entry = orjson.loads(line)
            self._add(entry.pop("kind"), entry)

    def _add(self, kind: str, entry: dict[str, Any]) -> None:
        match kind:
            case "payment":
                post = PostedPayment(**entry)
                self.posts.append(post)
                self.accepted += post.is_accepted
            case "check":
                self.checks.append(_comparison(entry))
            case "totals":
                self.totals = _comparison(entry)
            case "start":
                self.start_ms = entry["at_ms"]
            case "stage":
                self.stages_refused += entry["refused"]
            case "calls":
                self.calls = Calls(**entry)
            case _:
                raise ValueError(f"The journal has a line of unknown kind {kind!r}.")

    def differences(self, how: Differences) -> int:
        """Return the sum of the differences of all checks so far."""
        return sum(check.differences(how) for check in self.checks)


def _comparison(entry: dict[str, Any]) -> Comparison:
    return Comparison(
        at_ms=entry["at_ms"],
        said=_totals(entry["said"]),
        booked=_totals(entry["booked"]),
        fees=entry["fees"],
        before=_totals(entry["before"]) if entry.get("before") else None,
        after=_totals(entry["after"]) if entry.get("after") else None,
    )


def _totals(by_name: dict[str, dict[str, int]]) -> dict[str, Totals]:
    return {name: Totals(**by_name[name]) for name in PROCESSORS}
