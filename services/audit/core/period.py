"""Which payments an audit is about: those accepted within a period, both ends inclusive."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

LENGTH_MAX = timedelta(days=36_500)  # far older than any payment, and still a date
_LAST = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when by acceptedAt; None is an open end."""

    start: datetime | None = None
    end: datetime | None = None

    def __contains__(self, stamp: datetime) -> bool:
        return (self.start is None or self.start <= stamp) and (self.end is None or stamp <= self.end)


def time_from_text(text: str) -> timedelta:
    """Read a length of time as ``90s``, ``15m``, ``1h`` or ``7d``.

    Raises:
        ValueError: with a sentence that says how to write it.
    """
    found = _LAST.fullmatch(text)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < length <= LENGTH_MAX:
        raise ValueError(f"must be a length of time as 90s, 15m, 1h or 7d, not {text!r}")
    return length
