"""The comparison as a table: our records, two processors' answers, the findings."""

import pytest

from services.audit.core.answer import Answer, NotCharged, Unanswered, Unreadable
from services.audit.core.comparing import DIFFERENCES, INFORMATION, FindingKind, compare
from services.audit.core.records import Record, Records
from services.contracts.events import PaymentAccepted, Settlement
from services.contracts.period import Period
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
TABLE: list[tuple[list[PaymentAccepted | Settlement], Answer, Answer, set[FindingKind]]] = [
    ([ON_DEFAULT], YES, NO, set()),
    ([ON_FALLBACK], NO, YES, set()),
    ([ON_DEFAULT, ON_DEFAULT], YES, NO, set()),
    ([WAITS], NO, NO, set()),
    ([refused("default")], NO, NO, set()),
    ([refused("default", "a"), refused("default", "b")], NO, NO, set()),
    # charged at two
    ([ON_DEFAULT], YES, YES, {FindingKind.CHARGED_TWICE}),
    ([WAITS], YES, YES, {FindingKind.CHARGED_TWICE, FindingKind.WAITING_BUT_CHARGED}),
    ([refused("default")], YES, YES, {FindingKind.CHARGED_TWICE, FindingKind.REFUSED_BUT_CHARGED}),
    # charged elsewhere, or nowhere
    ([ON_DEFAULT], NO, YES, {FindingKind.CHARGED_ELSEWHERE}),
    ([ON_DEFAULT], SILENT, YES, {FindingKind.CHARGED_ELSEWHERE, FindingKind.UNANSWERED}),
    ([GONE], NO, YES, {FindingKind.CHARGED_ELSEWHERE, FindingKind.UNANSWERED}),
    ([GONE], YES, YES, {FindingKind.CHARGED_ELSEWHERE, FindingKind.CHARGED_TWICE, FindingKind.UNANSWERED}),
    ([ON_DEFAULT], NO, NO, {FindingKind.SETTLED_NOWHERE}),
    ([ON_DEFAULT], NO, SILENT, {FindingKind.SETTLED_NOWHERE, FindingKind.UNANSWERED}),
    # amounts and stamps
    ([ON_DEFAULT], charged(1991), NO, {FindingKind.AMOUNT_DIFFERS}),
    ([WAITS], charged(1991), NO, {FindingKind.AMOUNT_DIFFERS, FindingKind.WAITING_BUT_CHARGED}),
    ([accepted(5), ON_DEFAULT], YES, NO, {FindingKind.AMOUNT_DIFFERS, FindingKind.SETTLED_STILL_WAITING}),
    ([ON_DEFAULT], charged(stamp=LATER), NO, {FindingKind.REQUESTED_AT_DIFFERS}),
    ([ON_DEFAULT], charged(5, LATER), NO, {FindingKind.AMOUNT_DIFFERS, FindingKind.REQUESTED_AT_DIFFERS}),
    ([ON_DEFAULT], YES, charged(5, LATER), {FindingKind.CHARGED_TWICE}),
    # refused
    ([refused("default")], YES, NO, {FindingKind.REFUSED_BUT_CHARGED}),
    ([refused("default")], NO, YES, {FindingKind.REFUSED_BUT_CHARGED}),
    # contradictions
    ([ON_DEFAULT, settled("default", 5)], YES, NO, {FindingKind.CONTRADICTING_SETTLEMENTS, FindingKind.AMOUNT_DIFFERS}),
    (
        [ON_DEFAULT, settled("default", stamp=LATER)],
        YES,
        NO,
        {FindingKind.CONTRADICTING_SETTLEMENTS, FindingKind.REQUESTED_AT_DIFFERS},
    ),
    ([ON_DEFAULT, ON_FALLBACK], YES, NO, {FindingKind.CONTRADICTING_SETTLEMENTS, FindingKind.CHARGED_ELSEWHERE}),
    ([ON_DEFAULT, ON_FALLBACK], YES, YES, {FindingKind.CONTRADICTING_SETTLEMENTS, FindingKind.CHARGED_TWICE}),
    ([ON_DEFAULT, refused("default")], YES, NO, {FindingKind.CONTRADICTING_SETTLEMENTS}),
    # what is on the way
    ([WAITS], YES, NO, {FindingKind.WAITING_BUT_CHARGED}),
    ([WAITS, ON_DEFAULT], YES, NO, {FindingKind.SETTLED_STILL_WAITING}),
    ([WAITS, refused("default")], NO, NO, {FindingKind.SETTLED_STILL_WAITING}),
    ([WAITS, released()], NO, NO, {FindingKind.RELEASED}),
    ([released(), ON_FALLBACK], YES, YES, {FindingKind.RELEASED, FindingKind.CHARGED_TWICE}),
    # what is not known
    ([ON_DEFAULT], SILENT, NO, {FindingKind.UNANSWERED}),
    ([ON_DEFAULT], YES, SILENT, {FindingKind.UNANSWERED}),
    ([ON_DEFAULT], GARBLED, NO, {FindingKind.UNANSWERED}),
    ([WAITS], SILENT, SILENT, {FindingKind.UNANSWERED}),
    ([GONE], NO, NO, {FindingKind.UNANSWERED}),
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
    events: list[PaymentAccepted | Settlement], default: Answer, fallback: Answer, kinds: set[FindingKind]
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
    assert {kind for *_, kinds in TABLE for kind in kinds} == set(FindingKind)
    assert not DIFFERENCES & INFORMATION
    assert set(FindingKind) == DIFFERENCES | INFORMATION | {FindingKind.UNANSWERED}
