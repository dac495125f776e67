"""Reading a period from the command line. Pure."""

from datetime import datetime

from services.contracts.period import Period
from tarifa.commands.arguments import length_from_text, point_from_text

_MICROS_PER_MS = 1000  # processors record milliseconds


def period_from_texts(since: str | None, start: str | None, end: str | None, now: datetime) -> Period:
    """Return the period of ``--since``, or of ``--from`` and ``--to``.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    if since is not None and (start is not None or end is not None):
        raise ValueError("--since replaces --from and --to")
    if since is not None:
        start_at = now - length_from_text("--since", since)
        return Period(start_at.replace(microsecond=start_at.microsecond // _MICROS_PER_MS * _MICROS_PER_MS))
    period = Period(
        None if start is None else point_from_text("--from", start, round_up=True),
        None if end is None else point_from_text("--to", end, round_up=False),
    )
    if period.start and period.end and period.start > period.end:
        raise ValueError("--from must not be after --to")
    return period
