"""The body of an operator's release by HTTP, and the answer if the payment may not be released."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.contracts.events import PaymentReleased
from services.contracts.processor import NAME
from services.contracts.releasing import CONFIRMED_CHARS, Confirmed, Refusal, Why
from services.ingress.core.admission import BAD_REQUEST, Rejected, kind, read_id, read_object, shown
from services.ingress.core.answers import TryLater
from services.ingress.core.operating import NOT_FOUND, reason_of

CONFLICT = 409
_STATUS: Mapping[Why, int] = {"no_such_payment": NOT_FOUND, "not_a_processor": BAD_REQUEST}  # else a conflict
_WHERE: Mapping[Why, str] = {
    "no_such_payment": "id in the path",
    "not_a_processor": "to",
    "assigned_there": "to",
    "assigned_elsewhere": "from",
    "overtaken": "line",
}


@dataclass(frozen=True, slots=True)
class ReleaseWanted:
    """A release that an operator has confirmed, with both answers that ``tarifa release`` asks for."""

    payment_id: str
    to: str
    confirmed: Confirmed


@dataclass(frozen=True, slots=True)
class Released:
    """It is done. ``warnings``: what the operator should know of pauses; ``is_repeated``: it was done before."""

    event: PaymentReleased
    warnings: tuple[str, ...]
    is_repeated: bool


def read_release(id_text: str, body: bytes) -> ReleaseWanted | Rejected:
    """Read the id of the path and the body of ``POST /payments/{id}/release``."""
    payment_id = read_id(id_text, "id in the path")
    if isinstance(payment_id, Rejected):
        return payment_id
    document = read_object(body)
    if isinstance(document, Rejected):
        return document
    bound, to, line = _name(document, "from"), _name(document, "to"), _line(document)
    reason, unconfirmed = reason_of(document), _unconfirmed(document, payment_id)
    for wrong in (bound, to, line, reason, unconfirmed):
        if isinstance(wrong, Rejected):
            return wrong
    return ReleaseWanted(payment_id, str(to), Confirmed(str(bound), int(str(line)), str(reason)))


def refused(refusal: Refusal) -> Rejected | TryLater:
    """Return the answer to a refused release: its slug is the reason, its sentence begins with what is wrong."""
    if refusal.why == "not_stored":
        return TryLater(refusal.why, refusal.detail)
    status = _STATUS.get(refusal.why, CONFLICT)
    where = _WHERE.get(refusal.why)
    return Rejected(status, refusal.why, refusal.detail if where is None else f"{where}: {refusal.detail}")


def _name(document: dict[str, Any], field: str) -> str | Rejected:
    if field not in document:
        return Rejected(BAD_REQUEST, "field_missing", f"{field}: is missing")
    text = document[field]
    if type(text) is not str:
        return Rejected(BAD_REQUEST, "field_mistyped", f"{field}: must be a string, not {kind(text)}")
    if NAME.fullmatch(text) is None:
        return Rejected(BAD_REQUEST, "not_a_processor", f"{field}: no processor can have the name {shown(text)}")
    return text


def _line(document: dict[str, Any]) -> int | Rejected:
    if "line" not in document:
        return Rejected(BAD_REQUEST, "field_missing", "line: is missing; GET /payments/{id}/release gives it")
    line = document["line"]
    if type(line) is not int or line <= 0:
        return Rejected(BAD_REQUEST, "field_mistyped", "line: must be a whole number above 0")
    return line


def _unconfirmed(document: dict[str, Any], payment_id: str) -> Rejected | None:
    if document.get("acceptsDoubleCharge") is not True:
        why = "acceptsDoubleCharge: must be true: after a release the customer may be charged twice"
        return Rejected(BAD_REQUEST, "not_confirmed", why)
    if document.get("idEndsWith") != payment_id[-CONFIRMED_CHARS:]:
        why = f"idEndsWith: must be the last {CONFIRMED_CHARS} characters of the id that is meant, in lower case"
        return Rejected(BAD_REQUEST, "not_confirmed", why)
    return None
