"""Corrects what makes a request wrong although each of its fields is right, which no JSON Schema can express."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from services.contracts.releasing import CONFIRMED_CHARS

CENTS = Decimal("0.01")
_ENDS = ("from", "to")
_EDGE_YEARS = ("0001", "9999")  # with a zone a moment may be before the first or after the last that there is


def corrected_query(query: dict[str, Any]) -> dict[str, Any]:
    """Return the query with ``from`` not after ``to``, and both in years that every zone has."""
    query = {name: text for name, text in query.items() if name not in _ENDS or str(text)[:4] not in _EDGE_YEARS}
    start, end = _moment(query.get("from")), _moment(query.get("to"))
    if start is None or end is None or start <= end:
        return query
    return {**query, "from": query["to"], "to": query["from"]}


def corrected_list(query: dict[str, Any]) -> dict[str, Any]:
    """Return the query of a list with a cursor of its status, and without what belongs to the other one."""
    status = query.get("status", "accepted")
    others = ("from", "to") if status == "accepted" else ("inDoubt", "olderThan")
    kept = {name: value for name, value in query.items() if name not in others}
    if "cursor" in kept:
        kept["cursor"] = f"{status}-{str(kept['cursor']).partition('-')[2]}"
    return kept


def corrected_body(body: Any) -> Any:
    """Return the body with an amount of whole cents: 3 * 0.1 is a multiple of 0.01 to a schema, but not an amount.

    A reason gets printable characters, at least one of them not a space: no pattern can say which those are.
    """
    if isinstance(body, dict) and isinstance(body.get("reason"), str):
        printable = "".join(each if each.isprintable() else "?" for each in body["reason"])
        return {**body, "reason": printable if printable.strip() else "?" * len(printable)}
    if not isinstance(body, dict) or type(body.get("amount")) is not float:
        return body
    return {**body, "amount": float(max(CENTS, Decimal(str(body["amount"])).quantize(CENTS)))}


def corrected_release(body: Any, payment_id: str) -> Any:
    """Return the body of a release with the end of the id in its path, as a person who has read it confirms it.

    The line gets no decimal point: 4711.0 is an integer to a schema.
    """
    if not isinstance(body, dict):
        return body
    line = body.get("line")
    whole = {"line": int(line)} if isinstance(line, float) and line.is_integer() else {}
    return {**body, **whole, "idEndsWith": payment_id[-CONFIRMED_CHARS:].lower()}


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
