"""Which fields of an event are shown, and how: each is marked once, where the event defines it.

Answers about a payment, lists, exports and the API's description take the fields from here. Pure.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct, json, structs

from services.contracts.stamp import text_of

Value = str | int | None

_INSTANT = "date-time"
_KINDS = (("string", None), ("integer", None), ("string", _INSTANT))  # type and format
_NULL = {"type": "null"}


@dataclass(frozen=True, slots=True)
class Shown:
    """Marks a field as shown, inside ``Annotated``; the description is that of the API and of the export's help."""

    description: str


class ShownField(NamedTuple):
    """A field that is shown.

    Args:
        name: in JSON.
        attribute: in Python.
        description: for readers.
        schema: its JSON Schema, without null.
        is_instant: it is a point in time.
    """

    name: str
    attribute: str
    description: str
    schema: dict[str, Any]
    is_instant: bool


class ShownFields:
    """The shown fields of one kind of event, in its order.

    Raises:
        TypeError: a field is neither text, a whole number nor an instant; how to show another is not defined.
    """

    def __init__(self, event: type[Struct]) -> None:
        self.fields = tuple(
            _field(field, mark.description)
            for field in structs.fields(event)
            for mark in getattr(field.type, "__metadata__", ())
            if isinstance(mark, Shown)
        )
        self._attributes = {field.name: field.attribute for field in self.fields}

    def values(self, event: Struct) -> dict[str, Value]:
        """Return the values by their names: an instant as ISO 8601 in UTC, None for what the event does not have."""
        values = {name: getattr(event, attribute) for name, attribute in self._attributes.items()}
        return {name: text_of(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _field(field: structs.FieldInfo, description: str) -> ShownField:
    schema = json.schema(field.type)
    kinds = [each for each in schema.get("anyOf", [schema]) if each != _NULL]
    if len(kinds) != 1 or (kinds[0].get("type"), kinds[0].get("format")) not in _KINDS:
        raise TypeError(f"{field.name} cannot be shown: it must be text, a whole number or an instant, or null")
    return ShownField(field.encode_name, field.name, description, kinds[0], kinds[0].get("format") == _INSTANT)
