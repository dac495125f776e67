"""Findings as lines and as documents, with all facts."""

import json

from services.audit.core.answer import Answer, NotCharged, Unanswered, Unreadable
from services.audit.core.audit_report import AuditReport
from services.audit.core.comparing import Finding, FindingKind
from services.audit.core.records import Record
from services.audit.core.words import document, line, summary_document, summary_lines
from services.contracts.period import Period
from tests.unit.audit.paid import AT, ID, accepted, charged, refused, released, settled

STAMP = "2026-11-22T12:00:00.123Z"
RECORD = Record(ID, accepted(), [settled("default"), refused("fallback")], [released()])
ANSWERS: dict[str, Answer] = {
    "default": charged(5),
    "fallback": NotCharged(),
    "third": Unanswered("503"),
    "fourth": Unreadable("?"),
}


def test_a_line_has_all_facts() -> None:
    """Our records, then each processor's answer."""
    assert line(Finding(FindingKind.AMOUNT_DIFFERS, RECORD, ANSWERS)) == (
        f"amount_differs  {ID}  accepted 19.90 at {STAMP}, waits; "
        f"settled default 19.90 requestedAt {STAMP} acceptedAt {STAMP}; "
        f"refused fallback 19.90 acceptedAt {STAMP} (422 no); "
        f"released from default to fallback at {STAMP} (default is gone); "
        f"at default: charged 0.05 requestedAt {STAMP}; at fallback: not charged; "
        "at third: unanswered (503); at fourth: unreadable (?)"
    )


def test_a_document_has_all_facts() -> None:
    """Public names, and cents, so that a program need not guess."""
    found = document(Finding(FindingKind.AMOUNT_DIFFERS, RECORD, ANSWERS))
    assert json.loads(json.dumps(found)) == {
        "finding": "amount_differs",
        "weight": "difference",
        "id": ID,
        "accepted": {"amountCents": 1990, "acceptedAt": STAMP},
        "settlements": [
            {
                "status": "settled",
                "processor": "default",
                "amountCents": 1990,
                "requestedAt": STAMP,
                "acceptedAt": STAMP,
            },
            {
                "status": "refused",
                "processor": "fallback",
                "amountCents": 1990,
                "acceptedAt": STAMP,
                "detail": "422 no",
            },
        ],
        "releases": [{"from": "default", "to": "fallback", "reason": "default is gone", "releasedAt": STAMP}],
        "processors": {
            "default": {"charged": True, "amountCents": 5, "requestedAt": STAMP},
            "fallback": {"charged": False},
            "third": {"charged": None, "unanswered": "503"},
            "fourth": {"charged": None, "unreadable": "?"},
        },
    }


def test_the_summary() -> None:
    """Ids, calls, findings by kind, and what is incomplete."""
    report = AuditReport(ids=4, asked=3, calls=7, unreadable=1)
    report.found.update(
        [
            FindingKind.CHARGED_TWICE,
            FindingKind.CHARGED_TWICE,
            FindingKind.SETTLED_NOWHERE,
            FindingKind.RELEASED,
            FindingKind.UNANSWERED,
        ]
    )
    assert list(summary_lines(Period(AT), report)) == [
        f"period       {STAMP} to now, by acceptedAt",
        "ids          4, asked 3, in 7 calls",
        "differences  3: charged_twice 2, settled_nowhere 1",
        "information  1: released 1",
        "INCOMPLETE   1 ids unanswered, 1 not asked, 1 messages unreadable, 0 ranges of SETTLEMENTS missing",
    ]
    assert summary_document(Period(AT), report)["summary"] == {
        "from": STAMP,
        "to": None,
        "ids": 4,
        "asked": 3,
        "calls": 7,
        "differences": 3,
        "found": {"charged_twice": 2, "settled_nowhere": 1, "released": 1, "unanswered": 1},
        "unreadable": 1,
        "missing": 0,
        "complete": False,
    }


def test_an_audit_without_findings_ends_with_zeros() -> None:
    """A clean audit ends with zeros."""
    assert list(summary_lines(Period(), AuditReport())) == [
        "period       the beginning to now, by acceptedAt",
        "ids          0, asked 0, in 0 calls",
        "differences  0",
        "information  0",
    ]
