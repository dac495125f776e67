"""What a refusal means, by what its processor did with others."""

from services.dispatcher.core.refusals import BOOKED_WITHIN_MS, PROVISIONAL_MAX, Refusals

NOW = 1_000_000.0


def misconfigured() -> Refusals:
    """Return the refusals of a processor that refused as many as it takes, and booked none."""
    refusals = Refusals()
    for number in range(PROVISIONAL_MAX):
        refusals.refused(str(number), "400", NOW)
    refusals.waiting = {}
    return refusals


def test_a_refusal_counts_while_the_processor_books_others() -> None:
    """Later than that it is provisional."""
    refusals = Refusals()
    refusals.booked(NOW)
    assert refusals.refused("a", "400", NOW + BOOKED_WITHIN_MS) == "counts"
    assert refusals.refused("b", "400", NOW + BOOKED_WITHIN_MS + 1) == "waits"
    assert refusals.booked(NOW + 60_000) == {"b": "400"}


def test_few_that_come_after_a_misconfiguration_was_found_wait_for_no_more_like_them() -> None:
    """Nothing else need go there any more, neither to be booked nor to be refused."""
    assert misconfigured().refused("next", "400", NOW + 60_000) == "misconfigured"


def test_a_processor_that_books_is_misconfigured_no_longer() -> None:
    """What it refuses from then on is judged as at first."""
    refusals = misconfigured()
    assert refusals.booked(NOW) == {}
    assert refusals.refused("next", "400", NOW + BOOKED_WITHIN_MS + 1) == "waits"
