"""What a dispatcher reports of payments that are not settled, from what it has in hand and from the log."""

from datetime import UTC, datetime, timedelta

from services.contracts.assignments import AssignmentReleased, Line, TurnAssigned
from services.contracts.holding import AttemptMade, HoldingsAsked
from services.contracts.money import Cents
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.in_hand import ATTEMPTS_KEPT_MAX, InHand, attempted
from services.dispatcher.core.outcome import Booked, NotBooked, Outcome, Refused, Unknown
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.core.unsettled_payments import LOOKS_MAX, UnsettledPayments
from tests.unit.dispatcher.fakes import ME, NOON, OTHER, RULES


def an_id(number: int) -> str:
    """Return the id of the payment that has this sequence."""
    return f"00000000-0000-4000-8000-{number:012d}"


def _after_noon(ms: float) -> datetime:
    return NOON + timedelta(milliseconds=ms)


class Knowing:
    """A log and what is in hand."""

    def __init__(self) -> None:
        self.log = AssignmentLog()
        self.gone: set[str] = set()
        self.traffic = Traffic(("default/1", "fallback/1"), RULES)
        self.holdings = UnsettledPayments(self.log, self.traffic, _after_noon, self.gone.__contains__)
        self._at = 0

    def assign(self, seq: int, owner: str = ME, generation: str = "default/1") -> None:
        """Read a line that was stored as many seconds after noon as its sequence in PAYMENTS."""
        self._at += 1
        stored_ns = round((NOON + timedelta(seconds=seq)).timestamp()) * 1_000_000_000
        line = Line(an_id(seq), seq, generation, after=self.log.after(an_id(seq)))
        self.log.read(TurnAssigned(owner, self._at, (line,)), self._at, stored_ns)

    def release(self, seq: int, to: str) -> None:
        """Read the release of a payment."""
        self._at += 1
        released = AssignmentReleased(an_id(seq), seq, self.log.after(an_id(seq)), to, "tests", NOON)
        self.log.read(released, self._at, 0)

    def take(self, seq: int) -> InHand:
        """Take a payment in hand."""
        payment = InHand(an_id(seq), Cents(1), NOON, 0.0, seq, {seq: "handle"})
        self.traffic.take(payment)
        return payment

    def page(self, asked: HoldingsAsked) -> tuple[list[int], int | None]:
        """Return the sequences of a page, and up to where that is all."""
        found, looked_to = self.holdings.page(asked)
        return [each.seq for each in found], looked_to


def test_pages_follow_the_sequences_of_payments_and_say_how_far_they_reach() -> None:
    """Also of what only the log names, and of what is only in hand."""
    knowing = Knowing()
    for seq in (5, 1, 3):
        knowing.assign(seq)
    for seq in (3, 4):
        knowing.take(seq)
    assert knowing.page(HoldingsAsked(10)) == ([1, 3, 4, 5], None)
    assert knowing.page(HoldingsAsked(2)) == ([1, 3], 3)
    assert knowing.page(HoldingsAsked(2, after=3)) == ([4, 5], None)
    assert knowing.page(HoldingsAsked(10, after=1, to=4)) == ([3, 4], None)


def test_a_payment_in_hand_that_was_released_waits_for_the_one_that_the_operator_named() -> None:
    """From the release on, although the process that has it in hand gives it back at its next turn only."""
    knowing = Knowing()
    knowing.assign(1)
    mine = knowing.take(1)
    mine.generation, mine.in_doubt = "default/1", True
    knowing.release(1, "fallback")
    known = knowing.holdings.one(an_id(1))
    assert known is not None
    assert (known.processor, known.released, known.owner) == ("fallback", True, "")
    assert knowing.page(HoldingsAsked(10, processor="default")) == ([], None)


def test_payments_can_be_filtered_by_doubt_and_by_processor() -> None:
    """In doubt is what other processes had in hand, or what this process does not know the outcome of."""
    knowing = Knowing()
    knowing.assign(1, OTHER)
    knowing.assign(1)  # taken over
    knowing.assign(2)
    knowing.assign(3, generation="fallback/1")
    mine = knowing.take(2)
    mine.generation, mine.in_doubt = "default/1", True
    assert knowing.page(HoldingsAsked(10, in_doubt=True)) == ([1, 2], None)
    assert knowing.page(HoldingsAsked(10, processor="fallback")) == ([3], None)
    assert knowing.page(HoldingsAsked(1, in_doubt=True)) == ([1], 1)


def test_one_request_looks_at_a_bounded_number_of_payments() -> None:
    """However many lines there are, no payment waits long for it."""
    knowing = Knowing()
    for seq in range(1, LOOKS_MAX + 3):
        knowing.assign(seq)
    assert knowing.page(HoldingsAsked(10, processor="fallback")) == ([], LOOKS_MAX)
    assert knowing.page(HoldingsAsked(10, after=LOOKS_MAX, processor="fallback")) == ([], None)


def test_what_is_assigned_waits_since_its_line_was_stored() -> None:
    """By the server's clock; when the line is dropped, its time and sequence are too."""
    knowing = Knowing()
    knowing.assign(7)
    known = knowing.holdings.one(an_id(7))
    assert known is not None
    assert (known.since, known.seq, known.in_hand) == (NOON + timedelta(seconds=7), 7, False)
    knowing.log.settled(an_id(7))
    assert (knowing.log.seq_of(an_id(7)), knowing.log.stored_ns(1)) == (0, 0)


def test_attempts_are_reported_with_their_outcomes() -> None:
    """The last that ended is the last answer; one under way is reported as such."""
    knowing = Knowing()
    payment = knowing.take(1)
    assert knowing.holdings.attempts(an_id(1)) == ()
    outcomes: list[tuple[Outcome, str, str]] = [
        (NotBooked("429"), "notBooked", "429"),
        (Unknown("no answer"), "unknown", "no answer"),
        (Refused("400"), "refused", "400"),
        (Booked(None), "booked", ""),
    ]
    for outcome, _, _ in outcomes:
        payment.note(attempted(NOON, "default", 12.345, outcome))
    payment.call, payment.sent_at = ("fallback/1", 1), datetime(2025, 7, 15, 13, tzinfo=UTC)
    made = knowing.holdings.attempts(an_id(1))
    assert [(each.outcome, each.detail) for each in made[:-1]] == [(word, detail) for _, word, detail in outcomes]
    assert made[-1] == AttemptMade(payment.sent_at, "fallback")
    known = knowing.holdings.one(an_id(1))
    assert known is not None
    assert known.last == AttemptMade(NOON, "default", 12.3, "booked", "")


def test_only_the_newest_attempts_are_kept() -> None:
    """A payment may be in doubt for days."""
    payment = Knowing().take(1)
    for number in range(ATTEMPTS_KEPT_MAX + 5):
        payment.note(attempted(NOON, "default", 1.0, Unknown(str(number))))
    assert len(payment.attempted) == ATTEMPTS_KEPT_MAX
    assert payment.attempted[-1].detail == str(ATTEMPTS_KEPT_MAX + 4)


def test_what_a_process_that_is_gone_had_first_hand_is_in_doubt() -> None:
    """What became of its attempts is forgotten with it; another one may have no room to take it over."""
    knowing = Knowing()
    knowing.assign(1, owner=OTHER)
    knowing.assign(2)
    assert knowing.page(HoldingsAsked(10, in_doubt=True)) == ([], None)
    knowing.gone.add(OTHER)
    assert knowing.page(HoldingsAsked(10, in_doubt=True)) == ([1], None)
    one = knowing.holdings.one(an_id(1))
    assert one is not None
    assert one.in_doubt
