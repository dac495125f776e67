"""A length of time as people write it, read in one way by HTTP and by every program of the services. Pure."""

import re
from datetime import timedelta

LENGTH_MAX = timedelta(days=36_500)  # far older than any payment, and still a date
_LENGTH = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def length_from_text(text: str) -> timedelta:
    """Read a length of time as ``90s``, ``15m``, ``1h`` or ``7d``.

    Raises:
        ValueError: with a sentence that says how to write it.
    """
    found = _LENGTH.fullmatch(text)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < length <= LENGTH_MAX:
        raise ValueError(f"must be a length of time as 90s, 15m, 1h or 7d, not {text!r}")
    return length
