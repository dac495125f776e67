"""The books are searched by id and summed by period, to the cent."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.processor.books import BookedTotals, Books, Timeline
from sandbox.processor.payment import ProcessorPayment

SMALL = st.integers(-20, 20)


def test_booked_payment_is_found_and_others_are_not() -> None:
    """An id is in the books from its booking to the next purge."""
    books = Books()
    payment = ProcessorPayment("a", 1990, 5)
    books.book(payment)
    assert "a" in books
    assert books.find("a") == payment
    assert books.find("b") is None
    books.purge()
    assert "a" not in books
    assert books.totals(None, None) == BookedTotals(0, 0)


def test_period_includes_both_ends() -> None:
    """A stamp at either end belongs to the period, one a microsecond outside does not."""
    books = Books()
    for stamp_us in (9, 10, 15, 20, 21):
        books.book(ProcessorPayment(str(stamp_us), 100, stamp_us))
    assert books.totals(10, 20) == BookedTotals(3, 300)


def test_missing_end_means_everything() -> None:
    """As at the official processor, one end alone is ignored."""
    books = Books()
    for stamp_us in (1, 2, 3):
        books.book(ProcessorPayment(str(stamp_us), 1, stamp_us))
    assert books.totals(2, None) == books.totals(None, 2) == books.totals(None, None) == BookedTotals(3, 3)


def test_reversed_period_is_empty() -> None:
    """It has no payments, and no negative count."""
    books = Books()
    books.book(ProcessorPayment("a", 1, 15))
    assert books.totals(20, 10) == BookedTotals(0, 0)


def test_books_are_listed_in_order_of_booking() -> None:
    """An audit reads them in the order of booking, whatever their stamps."""
    books = Books()
    payments = [ProcessorPayment("b", 1, 9), ProcessorPayment("a", 2, 3)]
    for payment in payments:
        books.book(payment)
    assert list(books) == payments
    assert len(books) == 2


@settings(deadline=None)
@given(st.lists(st.one_of(st.tuples(st.just("add"), SMALL, SMALL), st.tuples(st.just("ask"), SMALL, SMALL))))
def test_timeline_equals_a_naive_count(steps: list[tuple[str, int, int]]) -> None:
    """However bookings and questions interleave, each answer is the sum over all rows of the period."""
    timeline = Timeline()
    rows: list[tuple[int, int]] = []
    for step, one, other in steps:
        if step == "add":
            timeline.add(one, other)
            rows.append((one, other))
        else:
            inside = [cents for stamp_us, cents in rows if one <= stamp_us <= other]
            assert timeline.totals_between(one, other) == BookedTotals(len(inside), sum(inside))
    assert timeline.totals() == BookedTotals(len(rows), sum(cents for _, cents in rows))
