"""A statement's findings as lines for people and as documents for programs; both have all facts."""

from collections.abc import Iterator
from typing import Any

from services.audit.core.statement import INFORMATION_ONLY, OurRecord, StatementFault, StatementFinding, StatementRow
from services.audit.core.statement_report import Day, SideSums, StatementReport
from services.audit.core.words import end_words, money
from services.contracts.stamp import stamp_from_micros, text_of


def finding_line(finding: StatementFinding) -> str:
    """Return a finding as one line."""
    sides = [_row_words(row) for row in finding.rows] + [_entry_words(entry) for entry in finding.entries]
    return f"{finding.kind}  {finding.payment_id or '-'}  {'; '.join(sides)}"


def finding_document(finding: StatementFinding) -> dict[str, Any]:
    """Return a finding as a JSON document."""
    return {
        "finding": finding.kind.value,
        "weight": "information" if finding.kind in INFORMATION_ONLY else "difference",
        "id": finding.payment_id,
        "rows": [_row_document(row) for row in finding.rows],
        "ours": [_entry_document(entry) for entry in finding.entries],
    }


def report_lines(report: StatementReport) -> Iterator[str]:
    """Yield the end of a comparison: the totals of each day, and the counts of findings."""
    for day in report.days:
        yield f"day          {day.day}  there {_sums(day.statement)}  ours {_sums(day.book)}{_gap(day)}"
    whose = "as given" if report.is_period_given else "first to last row"
    ends = f"{end_words(report.period.start, 'the beginning')} to {end_words(report.period.end, 'now')}"
    yield f"period       {ends}, by requestedAt, {whose}; days are UTC"
    yield f"rows         {report.rows} of {report.processor}; settled there by our book: {report.entries}"
    yield f"differences  {report.differences}{_counts(report, information=False)}"
    yield f"information  {sum(report.found[kind] for kind in INFORMATION_ONLY)}{_counts(report, information=True)}"
    if not report.is_complete:
        yield (
            f"INCOMPLETE   {len(report.unreadable)} messages unreadable, "
            f"{len(report.missing)} ranges of SETTLEMENTS missing"
        )


def report_document(report: StatementReport) -> dict[str, Any]:
    """Return the end of a comparison as a JSON document."""
    start, end = report.period.start, report.period.end
    return {
        "summary": {
            "processor": report.processor,
            "from": start and text_of(start),
            "to": end and text_of(end),
            "rows": report.rows,
            "settled": report.entries,
            "differences": report.differences,
            "found": {kind.value: report.found[kind] for kind in StatementFault if report.found[kind]},
            "days": [
                {"day": str(day.day), "statement": _sums_document(day.statement), "ours": _sums_document(day.book)}
                for day in report.days
            ],
            "unreadable": len(report.unreadable),
            "missing": len(report.missing),
            "complete": report.is_complete,
        }
    }


def _row_words(row: StatementRow) -> str:
    if row.wrong is not None:
        return f"line {row.line}: {row.wrong}"
    return f"line {row.line}: charged {money(row.amount_cents or 0)} requestedAt {_stamp(row.at_us)}"


def _entry_words(entry: OurRecord) -> str:
    if entry.status == "accepted":
        return f"ours: accepted {money(entry.amount_cents)}, waits"
    stamp = "" if entry.at_us is None else f" requestedAt {_stamp(entry.at_us)}"
    return f"ours: {entry.status} {entry.processor} {money(entry.amount_cents)}{stamp}"


def _row_document(row: StatementRow) -> dict[str, Any]:
    if row.wrong is not None:
        return {"line": row.line, "malformed": row.wrong}
    return {"line": row.line, "amountCents": row.amount_cents, "requestedAt": _stamp(row.at_us)}


def _entry_document(entry: OurRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {"status": entry.status, "amountCents": entry.amount_cents}
    if entry.status != "accepted":
        fields["processor"] = entry.processor
    if entry.at_us is not None:
        fields["requestedAt"] = _stamp(entry.at_us)
    return fields


def _stamp(micros: int | None) -> str:
    return "-" if micros is None else text_of(stamp_from_micros(micros))


def _sums(sums: SideSums) -> str:
    return f"{sums.count} {sums.cents // 100}.{sums.cents % 100:02d}"  # no float: sums are larger than amounts


def _sums_document(sums: SideSums) -> dict[str, int]:
    return {"count": sums.count, "amountCents": sums.cents}


def _gap(day: Day) -> str:
    if day.is_equal:
        return ""
    cents = day.statement.cents - day.book.cents
    sign = "-" if cents < 0 else "+"
    return f"  DIFFERS {day.statement.count - day.book.count:+d} {sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _counts(report: StatementReport, *, information: bool) -> str:
    kinds = [kind for kind in StatementFault if report.found[kind] and (kind in INFORMATION_ONLY) == information]
    return f": {', '.join(f'{kind} {report.found[kind]}' for kind in kinds)}" if kinds else ""
