"""The result of a comparison with a statement, and its exit status."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from services.audit.core.audit_report import EXIT_CLEAN, EXIT_DIFFERENCES, EXIT_INCOMPLETE
from services.audit.core.statement import INFORMATION_ONLY, StatementFault
from services.contracts.period import Period


@dataclass(frozen=True, slots=True)
class SideSums:
    """How many payments, and how many cents they come to."""

    count: int = 0
    cents: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """One day in UTC, each side by its own stamps: the statement's readable rows, and our settlements."""

    day: date
    statement: SideSums
    book: SideSums

    @property
    def is_equal(self) -> bool:
        """Whether both sides have the same number and sum."""
        return self.statement == self.book


@dataclass(slots=True)
class StatementReport:
    """``rows`` of the statement, including malformed ones; ``entries``: our settlements at the processor."""

    processor: str
    period: Period
    is_period_given: bool
    rows: int = 0
    entries: int = 0
    found: Counter[StatementFault] = field(default_factory=Counter)
    days: list[Day] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def differences(self) -> int:
        """How many differences were found."""
        return sum(count for kind, count in self.found.items() if kind not in INFORMATION_ONLY)

    @property
    def is_complete(self) -> bool:
        """Whether all of our own messages were there and could be read."""
        return not self.unreadable and not self.missing

    @property
    def exit_code(self) -> int:
        """1 with any difference, 3 where our own streams are incomplete, 0 where both sides are equal."""
        if self.differences:
            return EXIT_DIFFERENCES
        return EXIT_CLEAN if self.is_complete else EXIT_INCOMPLETE
