"""The result of a run as text: the same lines on the console and in the report."""

from collections.abc import Iterator
from decimal import Decimal

from sandbox.rinha import service_usage
from sandbox.rinha.audit import Audit
from sandbox.rinha.floor import Floor
from sandbox.rinha.score import Result
from sandbox.rinha.service_usage import Row

OTHER_FEES = "by the profile's fees; these processors take others (see SANDBOX_FEES)"


def rows(result: Result) -> Iterator[Row]:
    """Yield every figure of a result, the score first."""
    score = result.score
    yield "score", _money(score.total_cents), "(gross - fees) * (1 + bonus - fine)"
    yield "share of the ceiling", f"{score.share_of_ceiling:.4f}", "all on the cheaper processor, bonus 20 %"
    yield "share of the fees' ceiling", f"{score.share_of_fees_ceiling:.4f}", "the same without bonus and fine"
    yield "gross", _money(score.gross_cents), ""
    yield "fees", _money(score.fees_cents), OTHER_FEES if result.fees_differ else ""
    yield "bonus", f"{score.bonus:.0%}", "2 % for each ms of the p99 of all calls below 11"
    yield "fine", f"{score.fine:.0%}", "35 % for any difference"
    yield "p50, p99 of all calls", f"{result.calls.p50_ms:.2f} ms, {result.calls.p99_ms:.2f} ms", "successful ones"
    yield "p50, p99 of POST", f"{result.posts.p50_ms:.2f} ms, {result.posts.p99_ms:.2f} ms", "answered or not"
    if result.counted is not None:
        counted = f"{result.counted.p50_ms:.1f} ms, {result.counted.p99_ms:.1f} ms"
        yield "p50, p99 booked to counted", counted, "from a processor's answer until the ledger has it"
    if result.floor is not None:
        yield "times the floor", _times(result, result.floor), _floor_means(result.floor)
    yield "accepted", f"{result.accepted:,}", ""
    yield "failed", f"{result.failed:,}", "any other answer, or none in 1.5 s"
    yield "lag", f"{score.lag:,}", _lag_means(result)
    yield "differences", f"{result.differences:,}", f"payments, in {result.checks} checks"
    yield "differences in money", _money(result.difference_cents), ""
    if result.outside is not None:
        yield (
            "outside of before and after",
            f"{result.outside:,}",
            "payments; the processors asked on both sides of ours",
        )
    if result.audit is not None:
        yield from _audit_rows(result.audit)


def text(result: Result) -> str:
    """Return the figures as aligned lines, with the verdict below."""
    lines = [f"  {what:<28}{value:>24}  {meaning}".rstrip() for what, value, meaning in rows(result)]
    usage = [f"  {what:<28}{value:>24}  {meaning}" for what, value, meaning in usage_rows(result)]
    heading = ["Under docker-compose.yml's limits:"] if usage else []
    return "\n".join([f"{result.profile}:", *lines, *heading, *usage, verdict(result)])


def usage_rows(result: Result) -> list[Row]:
    """Yield what each service used; nothing if the stack had no limits."""
    return [] if result.spending is None else list(service_usage.rows(result.spending))


def verdict(result: Result) -> str:
    """Return in one sentence whether the run passed, and if not, why."""
    complaints = result.complaints
    return f"FAILED: {'; '.join(complaints)}." if complaints else "Passed: nothing lost, late, contradicted or doubled."


def _audit_rows(audit: Audit) -> Iterator[Row]:
    charged = ", ".join(f"{count:,} {name}" for name, count in audit.charged.items())
    yield "charged", charged, "in the processors' records, after the last settlement"
    doubles = f"{audit.charged_again:,} again, {audit.charged_unasked:,} never offered"
    yield "double charges", f"{audit.double_charges:,}", doubles
    yield "wrong amounts", f"{audit.charged_wrong:,}", ""
    yield "lost", f"{audit.lost:,}", "accepted, and on no processor after the wait"
    yield "in doubt", f"{audit.in_doubt:,}", f"no answer in time; {audit.charged_in_doubt:,} of them were charged"
    if audit.charged_failed:
        yield "charged though refused", f"{audit.charged_failed:,}", "answered with an error, yet stored"


def _times(result: Result, floor: Floor) -> str:
    p50, p99 = result.calls.p50_ms / floor.p50_ms, result.calls.p99_ms / floor.p99_ms
    return f"{p50:.2f}, {p99:.2f}"


def _floor_means(floor: Floor) -> str:
    return f"p50, p99; nginx alone within the hour: {floor.p50_ms:.2f} ms, {floor.p99_ms:.2f} ms"


def _lag_means(result: Result) -> str:
    if result.score.is_disqualified:
        return "more charged than accepted: disqualified"
    return "accepted, but not in the totals when the load ended"


def _money(cents: int | Decimal) -> str:
    return f"{Decimal(cents) / 100:,.2f}"
