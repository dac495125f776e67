"""Which range of the past is requested. Pure."""

from collections.abc import Sequence

from services.contracts.history import HistoryAsked
from services.ingress.core.admission import BAD_REQUEST, Rejected

TEXT_CHARS_MAX = 40
# Each in steps that a plot can show, of whole samples; round, so that steps begin at round times.
RANGES = {
    "5m": HistoryAsked(10, 30),
    "15m": HistoryAsked(10, 90),
    "1h": HistoryAsked(20, 180),
    "6h": HistoryAsked(120, 180),
    "24h": HistoryAsked(300, 288),
}
RANGE_DEFAULT = "5m"


def read_range(texts: Sequence[str]) -> HistoryAsked | Rejected:
    """Return the request to the ledger for the query's ``range`` values, of which there may be at most one."""
    if len(texts) > 1:
        return _bad(f"range: is given {len(texts)} times")
    name = texts[0] if texts else RANGE_DEFAULT
    if name not in RANGES:
        *others, last = RANGES
        return _bad(f"range: must be one of {', '.join(others)} and {last}, not {name[:TEXT_CHARS_MAX]!r}")
    return RANGES[name]


def _bad(detail: str) -> Rejected:
    return Rejected(BAD_REQUEST, "bad_parameter", detail)
