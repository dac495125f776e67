"""Places are bounded in all and by address, and what is given back is free."""

from services.overview.core.places import Full, Places


def test_one_address_has_so_many_at_most() -> None:
    """Others still have room."""
    places = Places(3, 2)
    assert [places.take("a"), places.take("a"), places.take("a")] == [None, None, Full.FOR_THIS_ADDRESS]
    assert [places.take("b"), places.take("b")] == [None, Full.FOR_ALL]
    places.give_back("a")
    assert [places.take("a"), places.taken] == [None, 3]


def test_nobodys_address_is_bounded_in_all_alone() -> None:
    """As that of a unix socket, where everybody is our balancer."""
    places = Places(3, 1)
    assert [places.take("") for _ in range(4)] == [None, None, None, Full.FOR_ALL]


def test_addresses_that_have_left_are_forgotten() -> None:
    """However many have come, there is no list of them."""
    places = Places(10, 1)
    for at in range(100):
        assert places.take(str(at)) is None
        places.give_back(str(at))
    assert (places.taken, len(places._by_address)) == (0, 0)
