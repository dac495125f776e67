"""Findings as lines for people and as documents for programs; both have all facts."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, assert_never

from services.audit.core.answer import Answer, Charged, NotCharged, Unanswered, Unreadable
from services.audit.core.audit_report import AuditReport
from services.audit.core.comparing import DIFFERENCES, INFORMATION, Finding, FindingKind
from services.audit.core.records import Record
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentReleased, PaymentSettled
from services.contracts.money import amount_of
from services.contracts.period import Period
from services.contracts.stamp import text_of


def line(finding: Finding) -> str:
    """Return a finding as one line."""
    record = finding.record
    return f"{finding.kind}  {record.payment_id}  {'; '.join([*_own_words(record), *answer_words(finding.answers)])}"


def document(finding: Finding) -> dict[str, Any]:
    """Return a finding as a JSON document."""
    record = finding.record
    return {
        "finding": finding.kind.value,
        "weight": _weight(finding.kind),
        "id": record.payment_id,
        "accepted": None if record.accepted is None else _of_accepted(record.accepted),
        "settlements": [_of_settlement(event) for event in record.settlements],
        "releases": [_of_release(event) for event in record.releases],
        "processors": {name: _of_answer(answer) for name, answer in finding.answers.items()},
    }


def summary_lines(period: Period, report: AuditReport) -> Iterator[str]:
    """Yield the summary of an audit, line by line."""
    yield f"period       {end_words(period.start, 'the beginning')} to {end_words(period.end, 'now')}, by acceptedAt"
    yield f"ids          {report.ids}, asked {report.asked}, in {report.calls} calls"
    yield f"differences  {report.differences}{_counts(report, DIFFERENCES)}"
    yield f"information  {sum(report.found[kind] for kind in INFORMATION)}{_counts(report, INFORMATION)}"
    if not report.is_complete:
        unasked = report.ids - report.asked
        yield (
            f"INCOMPLETE   {report.found[FindingKind.UNANSWERED]} ids unanswered, {unasked} not asked, "
            f"{report.unreadable} messages unreadable, {report.missing} ranges of SETTLEMENTS missing"
        )


def summary_document(period: Period, report: AuditReport) -> dict[str, Any]:
    """Return the summary of an audit as a JSON document."""
    return {
        "summary": {
            "from": period.start and text_of(period.start),
            "to": period.end and text_of(period.end),
            "ids": report.ids,
            "asked": report.asked,
            "calls": report.calls,
            "differences": report.differences,
            "found": {kind.value: report.found[kind] for kind in FindingKind if report.found[kind]},
            "unreadable": report.unreadable,
            "missing": report.missing,
            "complete": report.is_complete,
        }
    }


def answer_words(answers: Mapping[str, Answer]) -> list[str]:
    """Return each processor's answer as ``at NAME: ...``, in the order of ``answers``."""
    return [f"at {name}: {_phrase(answer)}" for name, answer in answers.items()]


def accepted_words(event: PaymentAccepted) -> str:
    """Return ``accepted 19.90 at 2026-11-22T12:00:00.000Z``."""
    return f"accepted {money(event.amount_cents)} at {text_of(event.accepted_at)}"


def settlement_words(event: PaymentSettled | PaymentRefused) -> str:
    """Return status, processor, amount and stamps of a settlement; for a refusal its text too."""
    amount, accepted_at = money(event.amount_cents), text_of(event.accepted_at)
    if isinstance(event, PaymentSettled):
        stamp = text_of(event.requested_at)
        return f"settled {event.processor} {amount} requestedAt {stamp} acceptedAt {accepted_at}"
    return f"refused {event.processor} {amount} acceptedAt {accepted_at} ({event.detail})"


def money(cents: int) -> str:
    """Return cents as a decimal number with two places: 1990 is ``19.90``."""
    return f"{amount_of(cents):.2f}"


def _own_words(record: Record) -> Iterator[str]:
    if record.accepted is not None:
        yield f"{accepted_words(record.accepted)}, waits"
    yield from map(settlement_words, record.settlements)
    for event in record.releases:
        when = text_of(event.released_at)
        yield f"released from {event.from_processor} to {event.to_processor} at {when} ({event.reason})"


def _phrase(answer: Answer) -> str:
    match answer:
        case Charged(amount_cents, requested_at):
            return f"charged {money(amount_cents)} requestedAt {text_of(requested_at)}"
        case NotCharged():
            return "not charged"
        case Unreadable(detail):
            return f"unreadable ({detail})"
        case Unanswered(detail):
            return f"unanswered ({detail})"
        case _:
            assert_never(answer)


def _of_accepted(event: PaymentAccepted) -> dict[str, Any]:
    return {"amountCents": event.amount_cents, "acceptedAt": text_of(event.accepted_at)}


def _of_settlement(event: PaymentSettled | PaymentRefused) -> dict[str, Any]:
    outcome: dict[str, Any] = (
        {"status": "settled", "requestedAt": text_of(event.requested_at)}
        if isinstance(event, PaymentSettled)
        else {"status": "refused", "detail": event.detail}
    )
    return {
        **outcome,
        "processor": event.processor,
        "amountCents": event.amount_cents,
        "acceptedAt": text_of(event.accepted_at),
    }


def _of_release(event: PaymentReleased) -> dict[str, Any]:
    return {
        "from": event.from_processor,
        "to": event.to_processor,
        "reason": event.reason,
        "releasedAt": text_of(event.released_at),
    }


def _of_answer(answer: Answer) -> dict[str, Any]:
    match answer:
        case Charged(amount_cents, requested_at):
            return {"charged": True, "amountCents": amount_cents, "requestedAt": text_of(requested_at)}
        case NotCharged():
            return {"charged": False}
        case Unreadable(detail):
            return {"charged": None, "unreadable": detail}
        case Unanswered(detail):
            return {"charged": None, "unanswered": detail}
        case _:
            assert_never(answer)


def _weight(kind: FindingKind) -> str:
    if kind in DIFFERENCES:
        return "difference"
    return "information" if kind in INFORMATION else "incomplete"


def _counts(report: AuditReport, kinds: frozenset[FindingKind]) -> str:
    counts = ", ".join(f"{kind} {report.found[kind]}" for kind in FindingKind if kind in kinds and report.found[kind])
    return f": {counts}" if counts else ""


def end_words(stamp: datetime | None, otherwise: str) -> str:
    """Return one end of a period, ``otherwise`` for an open one."""
    return otherwise if stamp is None else text_of(stamp)
