"""Fields that are marked as shown: in the event's order, by their JSON names, with their kind and description."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from services.contracts.shown import Shown, ShownFields

NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)


class Event(Struct, rename="camel"):
    """An event with each kind of field."""

    hidden: str
    made_at: Annotated[datetime, Meta(tz=True, description="UTC"), Shown("When.")]
    made_by: Annotated[str | None, Shown("By whom.")] = None
    how_many: Annotated[Annotated[int, Meta(ge=1)], Shown("How many.")] = 1


class Money(Struct):
    """An event with a field of another kind."""

    fee: Annotated[Decimal, Shown("The fee.")]


class Either(Struct):
    """An event with a field of two kinds."""

    place: Annotated[str | int, Shown("Where.")]


def test_only_marked_fields_are_shown_each_with_its_kind() -> None:
    """Null is not in the schema: an answer leaves out what is not known."""
    fields = ShownFields(Event).fields
    assert [(field.name, field.description, field.is_instant) for field in fields] == [
        ("madeAt", "When.", True),
        ("madeBy", "By whom.", False),
        ("howMany", "How many.", False),
    ]
    assert [field.schema for field in fields[1:]] == [{"type": "string"}, {"type": "integer", "minimum": 1}]


def test_values_are_as_answers_have_them() -> None:
    """An instant in any zone is text in UTC; what an event does not have is None."""
    elsewhere = NOON.astimezone(timezone(timedelta(hours=2)))
    assert ShownFields(Event).values(Event("x", elsewhere)) == {
        "madeAt": "2025-07-15T12:00:00.000Z",
        "madeBy": None,
        "howMany": 1,
    }


@pytest.mark.parametrize("event", [Money, Either])
def test_another_kind_is_refused_where_it_is_defined(event: type[Struct]) -> None:
    """And not at the first answer with it: no service starts."""
    with pytest.raises(TypeError, match=r"^(fee|place) cannot be shown: it must be text, a whole number or an instant"):
        ShownFields(event)
