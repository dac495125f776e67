"""The result of an audit, and its exit status."""

from collections import Counter
from dataclasses import dataclass, field

from services.audit.core.comparing import DIFFERENCES, FindingKind

EXIT_CLEAN = 0
EXIT_DIFFERENCES = 1
EXIT_INCOMPLETE = 3


@dataclass(slots=True)
class AuditReport:
    """``ids`` of the period, ``asked`` of them, ``calls`` made, findings by kind, messages that are not events.

    ``missing``: how many ranges of SETTLEMENTS have no messages.
    """

    ids: int = 0
    asked: int = 0
    calls: int = 0
    found: Counter[FindingKind] = field(default_factory=Counter)
    unreadable: int = 0
    missing: int = 0

    @property
    def differences(self) -> int:
        """How many differences were found."""
        return sum(count for kind, count in self.found.items() if kind in DIFFERENCES)

    @property
    def is_complete(self) -> bool:
        """Whether every processor answered for every id, and every message was there and readable."""
        is_read = not self.unreadable and not self.missing
        return self.asked == self.ids and is_read and not self.found[FindingKind.UNANSWERED]

    @property
    def exit_code(self) -> int:
        """1 with any difference, even if the rest is incomplete; 3 incomplete; 0 clean."""
        if self.differences:
            return EXIT_DIFFERENCES
        return EXIT_CLEAN if self.is_complete else EXIT_INCOMPLETE
