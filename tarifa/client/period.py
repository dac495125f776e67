"""The period of a summary: both ends inclusive, an absent end is open. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.contracts.stamp import text_of


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when by requestedAt; None is an open end."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def query(self) -> dict[str, str]:
        """Return the ends that are set, in the service's format."""
        ends = {"from": self.start, "to": self.end}
        return {name: text_of(stamp) for name, stamp in ends.items() if stamp is not None}

    def __str__(self) -> str:
        if self == Period():
            return "at any time"
        words = [f"{end} {text}" for end, text in self.query.items()]
        return " ".join(words if self.end else [*words, "until now"])
