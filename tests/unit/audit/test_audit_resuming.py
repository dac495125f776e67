"""Where an audit resumes: after the last payment before which all were asked about."""

from datetime import UTC, datetime

from services.audit.core.records import Records
from services.audit.core.resuming import Cursor, plan_words, resume_command
from services.contracts.period import Period
from tests.unit.audit.paid import accepted, settled

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(4)]


def test_the_cursor_stays_before_what_is_in_hand() -> None:
    """Whatever ended after it is asked about again."""
    cursor = Cursor(5)
    assert cursor.after == 5
    for seq in (7, 9, 10):
        cursor.begin(seq)
    cursor.end(9)
    assert cursor.after == 6
    cursor.end(7)
    assert cursor.after == 9
    cursor.end(10)
    cursor.begin(0)
    assert cursor.after == 10


def test_records_are_asked_in_the_order_of_the_stream() -> None:
    """By their last settlement, so that a new one is not passed over; what waits comes last, each time."""
    records = Records(Period())
    for payment_id in (IDS[0], IDS[3]):
        records.take_accepted(accepted(payment_id=payment_id))
    for seq, payment_id in ((1, IDS[1]), (2, IDS[2]), (3, IDS[0]), (4, IDS[1])):
        records.take_settlement(settled("default", payment_id=payment_id), seq)
    assert [record.payment_id for record in records.in_order(0)] == [IDS[2], IDS[0], IDS[1], IDS[3]]
    assert [record.payment_id for record in records.in_order(3)] == [IDS[1], IDS[3]]
    assert records.read_to == 4


def test_the_command_resumes_with_the_same_period() -> None:
    """`--last` would mean another period by then."""
    start = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert resume_command(Period(start), 1000, as_json=True, after=7) == (
        "tarifa audit --rate 1000 --from 2026-11-22T12:00:00.000Z --json --after 7"
    )
    assert resume_command(Period(), 50, as_json=False, after=0) == "tarifa audit --rate 50"


def test_the_plan_says_how_long_it_takes() -> None:
    """An hour at 500 payments a second, at two processors."""
    assert "3,600,000 calls. That takes 1:00:00 at 1000 a second" in plan_words(1_800_000, 2, 100, 1000)
