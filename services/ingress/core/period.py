"""Reads the period of a request from its query: ``from`` and ``to``; an absent end is open."""

from collections.abc import Sequence
from datetime import datetime

from services.contracts.instant import CHARACTERS_MAX, instant_from_text
from services.contracts.period import Period
from services.ingress.core.admission import BAD_REQUEST, Rejected


def read_period(from_texts: Sequence[str], to_texts: Sequence[str]) -> Period | Rejected:
    """Return the period of the query's ``from`` and ``to`` values, of which there may be at most one each."""
    start = _end_of_period("from", from_texts, round_up=True)
    if isinstance(start, Rejected):
        return start
    end = _end_of_period("to", to_texts, round_up=False)
    if isinstance(end, Rejected):
        return end
    if start is not None and end is not None and start > end:
        return _bad("from: must not be after to")
    return Period(start, end)


def _end_of_period(where: str, texts: Sequence[str], *, round_up: bool) -> datetime | Rejected | None:
    if not texts:
        return None
    if len(texts) > 1:
        return _bad(f"{where}: is given {len(texts)} times")
    try:
        return instant_from_text(_mended(texts[0]), round_up=round_up)
    except ValueError:
        return _not_iso_8601(where, texts[0])


def _mended(text: str) -> str:
    # A query decodes an unescaped + to a space; a space before any T is the one that replaces the T itself.
    text = text.upper()
    if "T" not in text:
        text = text.replace(" ", "T", 1)
    return text.replace(" ", "+")


def _not_iso_8601(where: str, text: str) -> Rejected:
    return _bad(f"{where}: must be ISO 8601, as 2025-07-15T12:34:56.000Z, not {text[:CHARACTERS_MAX]!r}")


def _bad(detail: str) -> Rejected:
    return Rejected(BAD_REQUEST, "not_a_period", detail)
