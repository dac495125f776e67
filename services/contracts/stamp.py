"""Points in time: aware UTC datetimes in events, microseconds since 1970 where they are compared or sorted."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def stamp_from_ms(ms: int) -> datetime:
    """Return the stamp of that many milliseconds since 1970."""
    return EPOCH + timedelta(0, 0, ms * 1000)  # so spelled, two thirds of the CPU


def micros_of(stamp: datetime) -> int:
    """Return the microseconds since 1970 of an aware stamp, exactly."""
    return (stamp - EPOCH) // _MICROSECOND


def stamp_from_micros(micros: int) -> datetime:
    """Return the stamp of that many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def text_of(stamp: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds and Z, as processors and clients get it; finer digits only if set."""
    if stamp.tzinfo is not UTC:  # asking is cheaper than a copy
        stamp = stamp.astimezone(UTC)
    return stamp.isoformat("T", "microseconds" if stamp.microsecond % 1000 else "milliseconds")[:-6] + "Z"


def stamp_from_text(text: str) -> datetime:
    """Return the stamp of an ISO 8601 text; no zone is UTC.

    Raises:
        ValueError: the text is not ISO 8601.
    """
    stamp = datetime.fromisoformat(text)
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
