"""A period by one kind of stamp, as summaries, lists and audits ask for it: both ends inclusive, to the microsecond."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, in UTC; None is an open end. Which stamp it is about, the one who asks says."""

    start: datetime | None = None
    end: datetime | None = None

    def __contains__(self, stamp: datetime) -> bool:
        return (self.start is None or self.start <= stamp) and (self.end is None or stamp <= self.end)
