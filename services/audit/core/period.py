"""Which payments an audit is about: those accepted within a period, both ends inclusive."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when by acceptedAt; None is an open end."""

    start: datetime | None = None
    end: datetime | None = None

    def __contains__(self, stamp: datetime) -> bool:
        return (self.start is None or self.start <= stamp) and (self.end is None or stamp <= self.end)
