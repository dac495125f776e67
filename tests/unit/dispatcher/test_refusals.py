"""What a refusal means, by what its processor did with other payments meanwhile."""

from services.dispatcher.core.refusals import PROVISIONAL_MAX, Refusals

NOW = 1_000_000.0
IN_HAND = frozenset({"a", "b"})


def misconfigured() -> Refusals:
    """Return the refusals of a processor that refused as many as count, and booked none."""
    refusals = Refusals()
    for number in range(PROVISIONAL_MAX):
        refusals.refused(str(number), NOW)
    return refusals


def test_a_refusal_counts_the_second_time_if_another_was_booked_between() -> None:
    """It was sent after the first refusal, so that the processor was not refusing everything then."""
    refusals = Refusals()
    assert refusals.refused("a", NOW) == "provisional"
    refusals.booked(NOW + 1, IN_HAND)
    assert refusals.refused("b", NOW + 2) == "provisional"
    assert refusals.refused("a", NOW + 2) == "counts"


def test_bookings_before_a_refusal_show_nothing_about_it() -> None:
    """Neither one that was answered before it, nor one that was sent before it."""
    refusals = Refusals()
    refusals.booked(NOW - 1, IN_HAND)
    assert refusals.refused("a", NOW) == "provisional"
    refusals.booked(NOW - 1, IN_HAND)
    assert refusals.refused("a", NOW + 1) == "provisional"


def test_after_a_misconfiguration_was_found_every_further_refusal_means_the_same() -> None:
    """No other payment needs to be sent there first, to be booked or refused."""
    assert misconfigured().refused("next", NOW + 60_000) == "misconfigured"


def test_a_processor_that_books_is_no_longer_misconfigured() -> None:
    """What it refuses from then on is provisional again, also what it refused before and is elsewhere now."""
    refusals = misconfigured()
    refusals.booked(NOW + 1, IN_HAND)
    assert refusals.refused("next", NOW + 2) == "provisional"
    assert refusals.refused("0", NOW + 2) == "provisional"
