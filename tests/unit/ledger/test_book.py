"""The book, compared with the simplest possible one: a list of all entries, scanned for every question."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.money import Cents
from services.contracts.stamp import micros_of
from services.contracts.summary import Totals
from services.ledger.core.book import CENTS_MAX, Book, Conflicting, Entry, Recorded, Recording, Repeated

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # for slow machines
START = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
KNOWN = ("default", "fallback")
ZERO = Totals(0, 0)

Settlement = PaymentSettled | PaymentRefused


def settled(
    number: int, processor: str = "default", cents: int = 1990, stamp: datetime = START, seq: int = 1
) -> PaymentSettled:
    """Return a settlement of the payment with that number."""
    return PaymentSettled(payment_id(number), Cents(cents), processor, stamp, START, seq)


def refused(number: int, processor: str = "default", cents: int = 1990) -> PaymentRefused:
    """Return a refusal of the payment with that number."""
    return PaymentRefused(payment_id(number), Cents(cents), processor, "no such amount", START, 1)


def payment_id(number: int) -> str:
    """Return the id of the payment with that number."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def entry_of(event: Settlement) -> Entry:
    """Return the book's entry for an event."""
    stamp = micros_of(event.requested_at) if isinstance(event, PaymentSettled) else None
    return Entry(event.id, event.processor, event.amount_cents, stamp)


@dataclass
class NaiveBook:
    """One entry per id; every question scans all of them."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def record(self, event: Settlement) -> Recording:
        """Do what the book must do, slowly."""
        given = entry_of(event)
        found = self.entries.setdefault(event.id, given)
        if found is given:
            return Recorded()
        if found == given:
            return Repeated()
        if found.requested_at_us is None and given.requested_at_us is not None:
            self.entries[event.id] = given
        return Conflicting(found, given)

    def totals(self, from_us: int | None, to_us: int | None) -> dict[str, Totals]:
        """Scan every entry."""
        names = {entry.processor for entry in self.entries.values() if entry.requested_at_us is not None}
        result = {}
        for name in names | set(KNOWN):
            cents = [
                entry.amount_cents
                for entry in self.entries.values()
                if entry.processor == name
                and entry.requested_at_us is not None
                and (from_us is None or from_us <= entry.requested_at_us)
                and (to_us is None or entry.requested_at_us <= to_us)
            ]
            result[name] = Totals(len(cents), sum(cents))
        return result


# Few ids, amounts and moments, so that repeats, conflicts and equal stamps are common.
numbers = st.integers(0, 40)
processors = st.sampled_from([*KNOWN, "third"])
amounts = st.sampled_from([1, 1990, 2005, CENTS_MAX])
moments = st.integers(-30, 30).map(lambda micros: START + micros * MICROSECOND)
settlements = st.builds(settled, numbers, processors, amounts, moments)
refusals = st.builds(refused, numbers, processors, amounts)
ends = st.none() | moments.map(micros_of)
CLEAR = "clear"
steps = st.lists(settlements | refusals | st.tuples(ends, ends) | st.just(CLEAR), max_size=120)


@unhurried
@given(steps)
def test_the_book_answers_as_the_naive_book_does(story: list[Settlement | tuple[int | None, int | None] | str]) -> None:
    """After any records, repeats, conflicts and clearings, each answer and each period's totals are the same."""
    book, naive = Book(KNOWN), NaiveBook()
    for step in story:
        if isinstance(step, str):
            book.clear()
            naive.entries.clear()
        elif isinstance(step, tuple):
            assert book.totals(*step) == naive.totals(*step)
        else:
            assert book.record(step) == naive.record(step)
    assert book.totals(None, None) == naive.totals(None, None)
    counted = sum(totals.count for totals in book.totals(None, None).values())
    assert book.entries == counted
    assert book.entries + book.refused == len(naive.entries)


@unhurried
@given(
    st.lists(st.integers(0, 3_000), min_size=300, max_size=1_500),
    st.lists(st.tuples(st.integers(-1, 3_001), st.integers(-1, 3_001)), max_size=20),
    st.integers(1, 400),
)
def test_totals_are_right_when_entries_come_in_any_order_between_questions(
    stamps: list[int], periods: list[tuple[int, int]], between: int
) -> None:
    """With enough entries for many blocks and a grown index; questions in between cache sums that go stale."""
    book, naive = Book(KNOWN), NaiveBook()
    questions = iter(periods)
    for number, micros in enumerate(stamps):
        event = settled(number, KNOWN[number % 2], 1 + number, START + micros * MICROSECOND)
        assert book.record(event) == naive.record(event)
        if number % between == 0:
            from_, to = next(questions, (-1, 3_001))
            period = micros_of(START) + from_, micros_of(START) + to
            assert book.totals(*period) == naive.totals(*period)
    assert book.totals(None, None) == naive.totals(None, None)


def test_both_ends_of_a_period_are_inclusive_to_the_microsecond() -> None:
    """An entry at either end counts; one a microsecond outside does not."""
    book = Book(KNOWN)
    book.record(settled(1))
    stamp = micros_of(START)
    one = Totals(1, 1990)
    assert book.totals(stamp, stamp)["default"] == one
    assert book.totals(stamp - 1, stamp)["default"] == one
    assert book.totals(stamp, stamp + 1)["default"] == one
    assert book.totals(stamp + 1, stamp + 2)["default"] == ZERO
    assert book.totals(stamp - 2, stamp - 1)["default"] == ZERO


def test_a_missing_end_is_open() -> None:
    """None means no bound on that side."""
    book = Book(KNOWN)
    book.record(settled(1, stamp=START - timedelta(days=9_000)))
    book.record(settled(2, stamp=START + timedelta(days=9_000)))
    stamp = micros_of(START)
    assert book.totals(None, None)["default"].count == 2
    assert book.totals(None, stamp)["default"].count == 1
    assert book.totals(stamp, None)["default"].count == 1


def test_period_that_ends_before_it_begins_is_empty() -> None:
    """It has no entries, and no negative count."""
    book = Book(KNOWN)
    book.record(settled(1))
    assert book.totals(micros_of(START) + 1, micros_of(START) - 1)["default"] == ZERO


def test_known_processors_start_at_zero_and_others_appear_when_they_settle() -> None:
    """An empty book names every processor it was given; another one appears with its first settlement."""
    book = Book(KNOWN)
    assert book.totals(None, None) == {"default": ZERO, "fallback": ZERO}
    book.record(refused(1, "third"))
    assert book.totals(None, None) == {"default": ZERO, "fallback": ZERO}
    book.record(settled(2, "third"))
    assert book.totals(None, None) == {"default": ZERO, "fallback": ZERO, "third": Totals(1, 1990)}


def test_repeated_settlement_is_counted_once_whatever_its_sequence() -> None:
    """An entry contains neither when the payment was accepted nor its sequence in the queue."""
    book = Book(KNOWN)
    assert book.record(settled(1, seq=1)) == Recorded()
    assert book.record(settled(1, seq=2)) == Repeated()
    assert book.totals(None, None)["default"] == Totals(1, 1990)


def test_second_settlement_elsewhere_is_reported_and_the_first_stays() -> None:
    """A payment charged at two processors is counted where it was settled first; both entries are returned."""
    book = Book(KNOWN)
    book.record(settled(1))
    second = settled(1, "fallback", 1991, START + MICROSECOND)
    assert book.record(second) == Conflicting(entry_of(settled(1)), entry_of(second))
    assert book.totals(None, None) == {"default": Totals(1, 1990), "fallback": ZERO}


def test_settlement_of_a_refused_payment_is_reported_and_counted_once() -> None:
    """It was charged, so the processor has it in its books; the refusal had counted nothing."""
    book = Book(KNOWN)
    book.record(refused(1))
    assert book.record(settled(1)) == Conflicting(entry_of(refused(1)), entry_of(settled(1)))
    assert book.record(settled(1)) == Repeated()
    assert book.totals(None, None)["default"] == Totals(1, 1990)
    assert (book.entries, book.refused) == (1, 0)


def test_refusal_of_a_settled_payment_is_reported_and_the_settlement_still_counts() -> None:
    """The charge remains counted."""
    book = Book(KNOWN)
    book.record(settled(1))
    assert book.record(refused(1)) == Conflicting(entry_of(settled(1)), entry_of(refused(1)))
    assert book.totals(None, None)["default"] == Totals(1, 1990)


def test_sums_larger_than_a_column_are_exact() -> None:
    """Only a single entry is limited to the width of a column."""
    book = Book(KNOWN)
    for number in range(500):
        book.record(settled(number, cents=CENTS_MAX))
    assert book.totals(None, None)["default"] == Totals(500, 500 * CENTS_MAX)


def test_cleared_book_records_the_same_settlements_again() -> None:
    """After a clearing the same settlement is new."""
    book = Book(KNOWN)
    book.record(settled(1, "third"))
    book.clear()
    assert (book.entries, book.refused) == (0, 0)
    assert book.totals(None, None) == {"default": ZERO, "fallback": ZERO}
    assert book.record(settled(1)) == Recorded()
