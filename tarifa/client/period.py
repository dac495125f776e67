"""The period of a summary, as it is sent to the service and shown to a person. Pure."""

from services.contracts.period import Period
from services.contracts.stamp import text_of


def query_of(period: Period) -> dict[str, str]:
    """Return the query parameters ``from`` and ``to`` for the ends that are set, in the service's format."""
    ends = {"from": period.start, "to": period.end}
    return {name: text_of(stamp) for name, stamp in ends.items() if stamp is not None}


def words_of(period: Period) -> str:
    """Return the period in words: ``from 2026-11-22T11:00:00.000Z until now``."""
    if period == Period():
        return "at any time"
    words = [f"{end} {text}" for end, text in query_of(period).items()]
    return " ".join(words if period.end else [*words, "until now"])
