"""Places are bounded in total and by address, and are free again when released."""

from services.overview.core.places import Full, Places


def test_one_address_has_so_many_at_most() -> None:
    """Others still have room."""
    places = Places(3, 2)
    assert [places.take("a"), places.take("a"), places.take("a")] == [None, None, Full.FOR_THIS_ADDRESS]
    assert [places.take("b"), places.take("b")] == [None, Full.FOR_ALL]
    places.give_back("a")
    assert [places.take("a"), places.taken] == [None, 3]


def test_an_unknown_address_counts_in_total_only() -> None:
    """As of a unix socket, where every client is our balancer."""
    places = Places(3, 1)
    assert [places.take("") for _ in range(4)] == [None, None, None, Full.FOR_ALL]


def test_addresses_without_places_are_forgotten() -> None:
    """However many have come, no list of them is kept."""
    places = Places(10, 1)
    for at in range(100):
        assert places.take(str(at)) is None
        places.give_back(str(at))
    assert (places.taken, len(places._by_address)) == (0, 0)
