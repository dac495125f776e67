"""Whether a body is a payment: admitted with a lower-case id and whole cents, or rejected with what is wrong and where.

Nothing is corrected silently: two spellings that could mean two payments elsewhere are refused or normalized to one.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.contracts.money import Cents, cents_of

BODY_BYTES_MAX = 4096
BAD_REQUEST = 400
PAYLOAD_TOO_LARGE = 413
UNSUPPORTED_MEDIA_TYPE = 415

_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Valid JSON of this form has exactly two keys, and nearly every payment has this form.
_TWO_KEYS = re.compile(
    rb'\s*\{\s*"(correlationId|amount)"\s*:\s*(?:"[^"\\]*"|[^"{}\[\],]+)\s*,'
    rb'\s*"(correlationId|amount)"\s*:\s*(?:"[^"\\]*"|[^"{}\[\],]+)\}\s*'
)
_JSON_TYPE = re.compile(r"application/(?:[!#$&^_.+a-z0-9-]+\+)?json", re.IGNORECASE)
_GZIP = b"\x1f\x8b"
_SHOWN_MAX = 60  # characters of a client's text that are quoted in an answer


@dataclass(frozen=True, slots=True)
class Admitted:
    """A payment that may be stored; the id is lower-case."""

    payment_id: str
    amount_cents: Cents


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request that is not carried out because of what it asks for; repeating it does not help by itself."""

    status: int
    slug: str
    detail: str


def admit(body: bytes, amount_max: int) -> Admitted | Rejected:
    """Read the body of ``POST /payments``; ``amount_max`` is in the unit of ``amount``."""
    document = read_object(body)
    if isinstance(document, Rejected):
        return document
    payment_id = _payment_id(document)
    if isinstance(payment_id, Rejected):
        return payment_id
    amount_cents = _amount_cents(document, amount_max)
    return amount_cents if isinstance(amount_cents, Rejected) else Admitted(payment_id, amount_cents)


def read_object(body: bytes) -> dict[str, Any] | Rejected:
    """Read a body that must be one JSON object without repeated keys."""
    if len(body) > BODY_BYTES_MAX:
        return Rejected(PAYLOAD_TOO_LARGE, "body_too_large", f"body: {len(body)} bytes; at most {BODY_BYTES_MAX}")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _bad("not_json", f"body: {_not_text(body) or error}")
    if type(document) is not dict:
        return _bad("not_an_object", f"body: must be an object, not {kind(document)}")
    if (repeated := _repeated_key(body)) is not None:
        return _bad("key_repeated", f"body: the key {shown(repeated)} is given twice")
    return document


def media_type_refused(content_type: str | None, content_encoding: str | None) -> Rejected | None:
    """Return why a body of that type or encoding is not read; None: it is.

    A page of another site can send a form or plain text with an operator's browser, and JSON only if it is allowed to.
    """
    if content_encoding is not None and content_encoding.strip().lower() != "identity":
        detail = f"Content-Encoding: must not be there; it is {shown(content_encoding)}"
        return Rejected(UNSUPPORTED_MEDIA_TYPE, "content_encoded", detail)
    if content_type is not None and _JSON_TYPE.fullmatch(content_type.partition(";")[0].strip()) is None:
        detail = f"Content-Type: must be application/json, not {shown(content_type)}"
        return Rejected(UNSUPPORTED_MEDIA_TYPE, "not_json_type", detail)
    return None


def parameters_refused(asked: Iterable[str], known: Sequence[str]) -> Rejected | None:
    """Return why a query with these names is not answered; None: it is. Names are case-sensitive."""
    unknown = next((name for name in asked if name not in known), None)
    if unknown is None:
        return None
    takes = f"it takes {' and '.join(known)}" if known else "it takes none"
    return _bad("unknown_parameter", f"query: {shown(unknown)} is not a parameter of this call; {takes}")


def read_id(text: str, where: str = "correlationId") -> str | Rejected:
    """Return the one spelling of an id, lower-case 8-4-4-4-12."""
    if _ID.fullmatch(text) is None:
        return _bad("not_an_id", f"{where}: must be hexadecimal digits as 8-4-4-4-12, not {shown(text)}")
    return text.lower()


def _not_text(body: bytes) -> str | None:
    """Return why a body is not even text; None: it is. The parser's own message would describe its inside."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        is_gzip = body.startswith(_GZIP)
        return "is compressed with gzip, and must not be" if is_gzip else f"is not UTF-8 from byte {error.start} on"
    return None


def _repeated_key(body: bytes) -> str | None:
    """Return a key that an object in this JSON gives twice, also in another escape: which one counts is undefined."""
    plain = _TWO_KEYS.fullmatch(body)
    if plain is not None and plain[1] != plain[2]:
        return None
    repeated: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        read = dict(pairs)
        if len(read) < len(pairs):
            names = [name for name, _ in pairs]
            repeated.append(next(name for name in names if names.count(name) > 1))
        return read

    try:
        json.loads(body, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return "nested too deeply to be checked"
    return repeated[0] if repeated else None


def _payment_id(document: dict[str, Any]) -> str | Rejected:
    if "correlationId" not in document:
        return _bad("field_missing", "correlationId: is missing")
    text = document["correlationId"]
    if type(text) is not str:
        return _bad("field_mistyped", f"correlationId: must be a string, not {kind(text)}")
    return read_id(text)


def _amount_cents(document: dict[str, Any], amount_max: int) -> Cents | Rejected:
    if "amount" not in document:
        return _bad("field_missing", "amount: is missing")
    amount = document["amount"]
    if type(amount) not in (int, float):  # a bool is an int to isinstance
        return _bad("field_mistyped", f"amount: must be a number, not {kind(amount)}")
    if amount <= 0:
        return _bad("amount_not_positive", f"amount: must be above 0, not {amount}")
    if not amount <= amount_max:
        return _bad("amount_too_large", f"amount: must be at most {amount_max}, not {amount}")
    cents = cents_of(amount)
    if cents is None:
        return _bad("amount_too_precise", f"amount: must have at most two decimals, not {amount!r}")
    return cents


def _bad(slug: str, detail: str) -> Rejected:
    return Rejected(BAD_REQUEST, slug, detail)


def kind(value: object) -> str:
    """Return the kind of a JSON value, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def shown(text: str) -> str:
    """Return a client's text as it is quoted in an answer."""
    return repr(text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}...")
