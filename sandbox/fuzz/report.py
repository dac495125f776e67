"""What a run found: answers by operation and status, what was not as described, what was lost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AnswerMismatch:
    """An answer that is not as described; ``text`` says why and how to repeat it."""

    operation: str
    title: str
    text: str


@dataclass(slots=True)
class Report:
    """``answers`` by operation and status; ``accepted``: the ids answered with 202, ``lost``: those not found later."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    mismatches: dict[tuple[str, str], AnswerMismatch] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return self.answers.total()

    @property
    def passed(self) -> bool:
        """Whether every answer was as described and nothing was lost."""
        return not self.mismatches and not self.lost

    def add(self, mismatch: AnswerMismatch) -> None:
        """Add a mismatch, unless there is one of its kind."""
        self.mismatches.setdefault((mismatch.operation, mismatch.title), mismatch)

    def lines(self) -> Iterator[str]:
        """Return the report's lines, the worst last."""
        for operation in sorted({operation for operation, _ in self.answers}):
            counts = sorted((status, count) for (name, status), count in self.answers.items() if name == operation)
            yield f"{operation:28} {'  '.join(f'{status}: {count}' for status, count in counts)}"
        yield f"{self.requests} requests; {len(self.accepted)} payments accepted, {len(self.lost)} of them lost"
        for payment_id in self.lost:
            yield f"LOST {payment_id}: answered 202, and not found"
        for mismatch in self.mismatches.values():
            yield f"\nNOT AS DESCRIBED: {mismatch.operation}: {mismatch.title}\n{mismatch.text}"
        yield "passed" if self.passed else f"FAILED: {len(self.mismatches)} kinds of answers are not as described"
