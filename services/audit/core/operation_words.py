"""Operations as lines for people and as documents for programs. Pure."""

from typing import Any

from msgspec import to_builtins

from services.contracts.operations import OperationRecorded
from services.contracts.stamp import text_of


def line(event: OperationRecorded) -> str:
    """Return one line for an event."""
    more = "; ".join(text for text in (event.reason, event.detail) if text)
    head = f"{text_of(event.at)}  {event.step:<8} {event.kind:<10} {event.operator.word:<20} {event.target or '-'}"
    return _plain(f"{head}  {more}" if more else head)


def document(event: OperationRecorded, seq: int) -> dict[str, Any]:
    """Return the event as a document for programs; ``seq`` in OPERATIONS."""
    fields: dict[str, Any] = to_builtins(event)
    return {"seq": seq, **fields}


def _plain(text: str) -> str:
    """Return a text without control characters, which a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
