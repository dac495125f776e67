"""Which period a summary is asked for: both ends inclusive, an absent end is open. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.contracts.stamp import text_of
from tarifa.commands.arguments import length_from_text, point_from_text

_MICROS_PER_MS = 1000  # processors record milliseconds


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when by requestedAt; None is an open end."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def query(self) -> dict[str, str]:
        """Return the ends that there are, as the service reads them."""
        ends = {"from": self.start, "to": self.end}
        return {name: text_of(stamp) for name, stamp in ends.items() if stamp is not None}

    def __str__(self) -> str:
        if self == Period():
            return "at any time"
        words = [f"{end} {text}" for end, text in self.query.items()]
        return " ".join(words if self.end else [*words, "until now"])


def period_from_texts(since: str | None, start: str | None, end: str | None, now: datetime) -> Period:
    """Return the period of ``--since``, or of ``--from`` and ``--to``.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    if since is not None and (start is not None or end is not None):
        raise ValueError("--since is instead of --from and --to")
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
