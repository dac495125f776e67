"""Places are bounded in total and by address, and are free again when released."""

from services.overview.core.open_limit import LimitReached, OpenLimit


def test_one_address_has_so_many_at_most() -> None:
    """Others still have room."""
    limit = OpenLimit(3, 2)
    assert [limit.take("a"), limit.take("a"), limit.take("a")] == [None, None, LimitReached.FOR_THIS_ADDRESS]
    assert [limit.take("b"), limit.take("b")] == [None, LimitReached.FOR_ALL]
    limit.give_back("a")
    assert [limit.take("a"), limit.taken] == [None, 3]


def test_an_unknown_address_counts_in_total_only() -> None:
    """As of a unix socket, where every client is our balancer."""
    limit = OpenLimit(3, 1)
    assert [limit.take("") for _ in range(4)] == [None, None, None, LimitReached.FOR_ALL]


def test_addresses_without_places_are_forgotten() -> None:
    """However many have come, no list of them is kept."""
    limit = OpenLimit(10, 1)
    for at in range(100):
        assert limit.take(str(at)) is None
        limit.give_back(str(at))
    assert (limit.taken, len(limit._by_address)) == (0, 0)
