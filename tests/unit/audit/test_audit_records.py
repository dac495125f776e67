"""Which records an audit collects: those of the period's payments."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.audit.core.audit_report import AuditReport
from services.audit.core.comparing import FindingKind
from services.audit.core.records import Records
from services.contracts.events import SettlementsCleared
from services.contracts.length import length_from_text
from services.contracts.period import Period
from tests.unit.audit.paid import AT, ID, LATER, accepted, released, settled

BEFORE = AT - timedelta(microseconds=1)
ONLY_AT = Period(AT, AT)


@pytest.mark.parametrize(
    ("period", "is_in"),
    [
        (Period(), True),
        (ONLY_AT, True),
        (Period(AT), True),
        (Period(LATER), False),
        (Period(None, AT), True),
        (Period(None, BEFORE), False),
    ],
)
def test_a_period_has_both_its_ends(period: Period, is_in: bool) -> None:  # noqa: FBT001
    """Both ends are inclusive, and a missing one is open."""
    assert (AT in period) is is_in


def test_both_streams_count_by_accepted_at() -> None:
    """Not by when it was stored, or by the stamp sent to the processor."""
    records = Records(ONLY_AT)
    waiting, done = str(uuid4()), str(uuid4())
    records.take_accepted(accepted(payment_id=waiting))
    records.take_accepted(accepted(at=LATER, payment_id=str(uuid4())))
    records.take_settlement(settled("default", stamp=LATER, payment_id=done), 1)
    records.take_settlement(settled("default", at=LATER, payment_id=str(uuid4())), 1)
    assert [record.payment_id for record in records] == [waiting, done]
    assert len(records) == 2


def test_an_earlier_settlement_of_a_payment_that_waits_belongs_to_it() -> None:
    """Accepted again after the window, it was charged long before the period."""
    records = Records(ONLY_AT)
    records.take_accepted(accepted())
    records.take_settlement(settled("default", at=BEFORE), 1)
    (record,) = records
    assert record.accepted is not None
    assert [event.accepted_at for event in record.settled] == [BEFORE]


def test_a_release_is_reported_with_its_payment_only() -> None:
    """A release has no acceptedAt, and comes before the settlement."""
    records = Records(ONLY_AT)
    records.take_settlement(released(), 1)
    assert list(records) == []
    records.take_settlement(settled("fallback"), 1)
    (record,) = records
    assert record.releases == [released()]


def test_clearing_the_book_hides_nothing_from_an_audit() -> None:
    """The processors do not forget either."""
    records = Records(Period())
    records.take_settlement(settled("default"), 1)
    records.take_settlement(SettlementsCleared(AT), 1)
    assert [record.payment_id for record in records] == [ID]


@pytest.mark.parametrize(("text", "length"), [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800)])
def test_a_length_of_time(text: str, length: int) -> None:
    """In the notation for operators."""
    assert length_from_text(text) == timedelta(seconds=length)


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "-1h", "1.5h", "1w", " 1h", "1h ", "1234567s", "٣h"])
def test_what_is_not_a_length_of_time(text: str) -> None:
    """Anything else is refused with a sentence."""
    with pytest.raises(ValueError, match="must be a length of time"):
        length_from_text(text)


@pytest.mark.parametrize(
    ("found", "asked", "unreadable", "code"),
    [
        ([], 2, 0, 0),
        ([FindingKind.RELEASED, FindingKind.WAITING_BUT_CHARGED, FindingKind.SETTLED_STILL_WAITING], 2, 0, 0),
        ([FindingKind.UNANSWERED], 2, 0, 3),
        ([], 1, 0, 3),
        ([], 2, 1, 3),
        ([FindingKind.CHARGED_TWICE], 2, 0, 1),
        ([FindingKind.CHARGED_TWICE, FindingKind.UNANSWERED], 1, 1, 1),
    ],
)
def test_exit_status(found: list[FindingKind], asked: int, unreadable: int, code: int) -> None:
    """A difference outweighs what is not known; information alone is clean."""
    report = AuditReport(ids=2, asked=asked, unreadable=unreadable)
    report.found.update(found)
    assert report.exit_code == code
