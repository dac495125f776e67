"""The comparison as a table: our records, two processors' answers, the findings."""

import pytest

from services.audit.core.answer import Answer, NotCharged, Unanswered, Unreadable
from services.audit.core.comparing import DIFFERENCES, INFORMATION, Kind, compare
from services.audit.core.period import Period
from services.audit.core.records import Record, Records
from services.contracts.events import PaymentAccepted, Settlement
from tests.unit.audit.paid import ID, LATER, accepted, charged, refused, released, settled

NO = NotCharged()
SILENT = Unanswered("ConnectTimeout")
GARBLED = Unreadable("<html>")
YES = charged()

WAITS = accepted()
ON_DEFAULT = settled("default")
ON_FALLBACK = settled("fallback")
GONE = settled("gone")

# our records; the answers of default and fallback; the findings
TABLE: list[tuple[list[PaymentAccepted | Settlement], Answer, Answer, set[Kind]]] = [
    ([ON_DEFAULT], YES, NO, set()),
    ([ON_FALLBACK], NO, YES, set()),
    ([ON_DEFAULT, ON_DEFAULT], YES, NO, set()),
    ([WAITS], NO, NO, set()),
    ([refused("default")], NO, NO, set()),
    ([refused("default", "a"), refused("default", "b")], NO, NO, set()),
    # charged at two
    ([ON_DEFAULT], YES, YES, {Kind.CHARGED_TWICE}),
    ([WAITS], YES, YES, {Kind.CHARGED_TWICE, Kind.WAITING_BUT_CHARGED}),
    ([refused("default")], YES, YES, {Kind.CHARGED_TWICE, Kind.REFUSED_BUT_CHARGED}),
    # charged elsewhere, or nowhere
    ([ON_DEFAULT], NO, YES, {Kind.CHARGED_ELSEWHERE}),
    ([ON_DEFAULT], SILENT, YES, {Kind.CHARGED_ELSEWHERE, Kind.UNANSWERED}),
    ([GONE], NO, YES, {Kind.CHARGED_ELSEWHERE, Kind.UNANSWERED}),
    ([GONE], YES, YES, {Kind.CHARGED_ELSEWHERE, Kind.CHARGED_TWICE, Kind.UNANSWERED}),
    ([ON_DEFAULT], NO, NO, {Kind.SETTLED_NOWHERE}),
    ([ON_DEFAULT], NO, SILENT, {Kind.SETTLED_NOWHERE, Kind.UNANSWERED}),
    # amounts and stamps
    ([ON_DEFAULT], charged(1991), NO, {Kind.AMOUNT_DIFFERS}),
    ([WAITS], charged(1991), NO, {Kind.AMOUNT_DIFFERS, Kind.WAITING_BUT_CHARGED}),
    ([accepted(5), ON_DEFAULT], YES, NO, {Kind.AMOUNT_DIFFERS, Kind.SETTLED_STILL_WAITING}),
    ([ON_DEFAULT], charged(stamp=LATER), NO, {Kind.REQUESTED_AT_DIFFERS}),
    ([ON_DEFAULT], charged(5, LATER), NO, {Kind.AMOUNT_DIFFERS, Kind.REQUESTED_AT_DIFFERS}),
    ([ON_DEFAULT], YES, charged(5, LATER), {Kind.CHARGED_TWICE}),
    # refused
    ([refused("default")], YES, NO, {Kind.REFUSED_BUT_CHARGED}),
    ([refused("default")], NO, YES, {Kind.REFUSED_BUT_CHARGED}),
    # contradictions
    ([ON_DEFAULT, settled("default", 5)], YES, NO, {Kind.CONTRADICTING_SETTLEMENTS, Kind.AMOUNT_DIFFERS}),
    (
        [ON_DEFAULT, settled("default", stamp=LATER)],
        YES,
        NO,
        {Kind.CONTRADICTING_SETTLEMENTS, Kind.REQUESTED_AT_DIFFERS},
    ),
    ([ON_DEFAULT, ON_FALLBACK], YES, NO, {Kind.CONTRADICTING_SETTLEMENTS, Kind.CHARGED_ELSEWHERE}),
    ([ON_DEFAULT, ON_FALLBACK], YES, YES, {Kind.CONTRADICTING_SETTLEMENTS, Kind.CHARGED_TWICE}),
    ([ON_DEFAULT, refused("default")], YES, NO, {Kind.CONTRADICTING_SETTLEMENTS}),
    # what is on the way
    ([WAITS], YES, NO, {Kind.WAITING_BUT_CHARGED}),
    ([WAITS, ON_DEFAULT], YES, NO, {Kind.SETTLED_STILL_WAITING}),
    ([WAITS, refused("default")], NO, NO, {Kind.SETTLED_STILL_WAITING}),
    ([WAITS, released()], NO, NO, {Kind.RELEASED}),
    ([released(), ON_FALLBACK], YES, YES, {Kind.RELEASED, Kind.CHARGED_TWICE}),
    # what is not known
    ([ON_DEFAULT], SILENT, NO, {Kind.UNANSWERED}),
    ([ON_DEFAULT], YES, SILENT, {Kind.UNANSWERED}),
    ([ON_DEFAULT], GARBLED, NO, {Kind.UNANSWERED}),
    ([WAITS], SILENT, SILENT, {Kind.UNANSWERED}),
    ([GONE], NO, NO, {Kind.UNANSWERED}),
]


def record_of(events: list[PaymentAccepted | Settlement]) -> Record:
    """Return what an audit without a period collects of one payment."""
    records = Records(Period())
    for event in events:
        if isinstance(event, PaymentAccepted):
            records.take_accepted(event)
        else:
            records.take_settlement(event, 1)
    (record,) = records
    return record


@pytest.mark.parametrize(("events", "default", "fallback", "kinds"), TABLE)
def test_what_is_found(
    events: list[PaymentAccepted | Settlement], default: Answer, fallback: Answer, kinds: set[Kind]
) -> None:
    """Exactly these findings, each with all that is known."""
    record, answers = record_of(events), {"default": default, "fallback": fallback}
    findings = compare(record, answers)
    assert {finding.kind for finding in findings} == kinds
    assert len(findings) == len(kinds)
    assert all(finding.record is record and finding.answers is answers for finding in findings)
    assert record.payment_id == ID


def test_every_kind_is_in_the_table_and_has_one_weight() -> None:
    """No kind is forgotten, and none is counted twice."""
    assert {kind for *_, kinds in TABLE for kind in kinds} == set(Kind)
    assert not DIFFERENCES & INFORMATION
    assert set(Kind) == DIFFERENCES | INFORMATION | {Kind.UNANSWERED}
