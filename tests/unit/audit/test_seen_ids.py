"""Ids that have come before are never taken for new ones, and new ones seldom for others."""

from uuid import UUID

from services.audit.core.seen_ids import SeenIds

IDS = 100_000


def test_an_id_is_new_once() -> None:
    """Never again; and of a hundred thousand others next to none is taken for one that has come."""
    seen = SeenIds()
    ids = [str(UUID(int=number)) for number in range(IDS)]
    assert sum(map(seen.is_new, ids)) >= IDS - 5
    assert not any(map(seen.is_new, ids))
