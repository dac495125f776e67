"""An operator's request by HTTP: to which processor it applies, and why."""

from typing import Any

from services.contracts.operations import reason_from_text
from services.contracts.processor import NAME
from services.ingress.core.admission import BAD_REQUEST, Rejected, kind, read_object, shown

NOT_FOUND = 404


def read_name(text: str) -> str | Rejected:
    """Return a text that is valid as the name of a processor."""
    if NAME.fullmatch(text) is None:
        return no_such_processor(f"there is no processor {shown(text)}, nor could there be one of that name")
    return text


def no_such_processor(why: str) -> Rejected:
    """Return the answer to a name that no processor has."""
    return Rejected(NOT_FOUND, "no_such_processor", f"name in the path: {why}")


def read_reason(body: bytes, *, is_needed: bool) -> str | Rejected:
    """Read the reason from a body; empty if none is needed and none is given, also for an empty body."""
    if not body and not is_needed:
        return ""
    document = read_object(body)
    if isinstance(document, Rejected):
        return document
    return reason_of(document) if is_needed or "reason" in document else ""


def reason_of(document: dict[str, Any]) -> str | Rejected:
    """Return the reason that a body must have."""
    if "reason" not in document:
        return Rejected(BAD_REQUEST, "field_missing", "reason: is missing")
    text = document["reason"]
    if type(text) is not str:
        return Rejected(BAD_REQUEST, "field_mistyped", f"reason: must be a string, not {kind(text)}")
    try:
        return reason_from_text(text)
    except ValueError as error:
        return Rejected(BAD_REQUEST, "not_a_reason", f"reason: {error}")
