"""A point in time as people and clients write it: ISO 8601, read in one way by HTTP and by every command. Pure."""

import re
from datetime import datetime, timedelta

from services.contracts.stamp import stamp_from_text

CHARACTERS_MAX = 40
_MICROSECOND = timedelta(microseconds=1)

# What ISO 8601 writes for a date with an optional time; datetime.fromisoformat alone takes weeks, and any separator.
_ISO_8601 = re.compile(
    r"\d{4}-?\d\d-?\d\d"
    r"(T\d\d(:?\d\d(:?\d\d([.,](?P<micros>\d{1,6})(?P<finer>\d*))?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?",
    re.ASCII,
)


def instant_from_text(text: str, *, round_up: bool) -> datetime:
    """Return the point in UTC; no zone is UTC, a missing time is midnight, ``t`` and ``z`` may be small.

    Stamps have microseconds: of a text with finer digits ``round_up`` gives the next one, as a period that begins
    between two has it, and otherwise the one before, where such a period ends.

    Raises:
        ValueError: not ISO 8601, no such day or hour, or outside the years 1 to 9999 in UTC.
    """
    upper = text.upper()
    found = _ISO_8601.fullmatch(upper) if len(text) <= CHARACTERS_MAX else None
    if found is None:
        raise ValueError(f"not ISO 8601: {text[:CHARACTERS_MAX]!r}")
    try:
        stamp = stamp_from_text(upper)
        return stamp + _MICROSECOND if round_up and int(found["finer"] or 0) else stamp
    except OverflowError as error:
        raise ValueError(str(error)) from error
