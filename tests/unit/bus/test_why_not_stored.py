"""Why a message was not stored, as a phrase for people and not as Python writes a value."""

import pytest

from services.bus.jetstream.publish import Conflict, Duplicate, NotAllowed, StreamFull, Unavailable, why_not_stored


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (Unavailable("not connected"), "not connected"),
        (NotAllowed("this user of NATS may not publish to x"), "this user of NATS may not publish to x"),
        (StreamFull("maximum bytes exceeded"), "maximum bytes exceeded"),
        (Duplicate(), "a message with the same id is stored already"),
        (Conflict(), "another message was stored under its subject"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_phrase_has_no_type_names(result: Duplicate | Conflict | StreamFull | Unavailable, why: str) -> None:
    """It is part of public errors, as of ``not_cleared``."""
    assert why_not_stored(result) == why
