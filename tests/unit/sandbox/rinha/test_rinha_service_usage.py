"""What services used from one moment to another, and how it is shown beside the score."""

import json
from dataclasses import replace
from decimal import Decimal

from sandbox.charges import Charge
from sandbox.rinha import figures, profile, report, service_usage
from sandbox.rinha.audit import audit
from sandbox.rinha.floor import Floor
from sandbox.rinha.load_journal import Calls, Comparison, LoadJournal
from sandbox.rinha.score import Result, assess
from sandbox.rinha.series import series_of
from sandbox.stack.limits.cgroups import GroupUsage
from sandbox.stack.limits.compose_limits import Limit
from services.contracts.summary import Totals

SMOKE = profile.load("smoke")
MB = 1024**2
LIMITS = {"nats": Limit(Decimal("0.45"), 105 * MB), "ledger": Limit(Decimal("0.10"), 45 * MB)}
BEFORE = {"nats": GroupUsage(1.0, 10, 1, 0.5, 20 * MB, 0), "ledger": GroupUsage(0.5, 5, 5, 2.0, 30 * MB, 0)}
AFTER = {"nats": GroupUsage(3.0, 110, 4, 0.75, 50 * MB, 0), "ledger": GroupUsage(1.5, 25, 5, 2.0, 31 * MB, 1)}


def run() -> tuple[LoadJournal, Result]:
    """Return a run of one accepted payment."""
    said = {"default": Totals(1, 1990), "fallback": Totals(0, 0)}
    journal = LoadJournal(
        start_ms=0, totals=Comparison(0, said, said, {"default": None, "fallback": None}), calls=Calls(1, 1.5, 4.5)
    )
    journal.add([b'{"kind":"payment","id":"a","at_ms":1,"status":202,"took_ms":1}'])
    return journal, assess(SMOKE, journal, audit(journal.posts, [Charge("default", "a", 1990, 1_000)], 1990))


def test_usage_is_the_difference_of_two_readings_except_for_peak_memory() -> None:
    """The start of a service is not a cost of its payments."""
    usage = service_usage.run_usage(LIMITS, BEFORE, AFTER, 1000)
    nats = usage.by_service["nats"]
    assert (nats.cpu_s, nats.periods, nats.periods_throttled, nats.throttled_s) == (2.0, 100, 3, 0.25)
    assert (nats.memory_peak_bytes, nats.memory_max_bytes) == (50 * MB, 105 * MB)
    assert usage.cpu_us_per_payment == 3000


def test_a_run_without_payments_has_no_cost_per_payment() -> None:
    """It is shown, without a division by zero."""
    assert service_usage.run_usage(LIMITS, BEFORE, AFTER, 0).cpu_us_per_payment == 0


def test_each_service_has_a_line_and_the_last_is_their_sum() -> None:
    """A service that the kernel killed for its memory is marked."""
    lines = list(service_usage.rows(service_usage.run_usage(LIMITS, BEFORE, AFTER, 1000)))
    assert lines == [
        ("nats (0.45 CPU)", "2.00 s, 50 of 105 MB", "throttled in 3 of 100 periods, 0.25 s in all"),
        (
            "ledger (0.10 CPU)",
            "1.00 s, 31 of 45 MB",
            "throttled in 0 of 20 periods, 0.00 s in all; killed for memory 1 times",
        ),
        ("all services", "3.00 s, 81 of 150 MB", "3,000 us of CPU per accepted payment"),
    ]


def test_usage_and_floor_are_on_the_console_in_the_page_and_in_the_json() -> None:
    """What is known is shown everywhere; what is unknown leaves no empty heading."""
    journal, result = run()
    template = report.TEMPLATE.read_text(encoding="utf-8")
    for shown in (figures.text(result), report.html(template, SMOKE, result, journal, {})):
        assert "limits" not in shown
        assert "floor" not in shown
    floor = Floor(0.0, "smoke", 0.5, 1.5, 0.5, 1.5)
    result = replace(result, spending=service_usage.run_usage(LIMITS, BEFORE, AFTER, 1), floor=floor)
    for shown in (figures.text(result), report.html(template, SMOKE, result, journal, {})):
        assert "nats (0.45 CPU)" in shown
        assert "3.00, 3.00" in shown
    document = json.loads(report.as_json(result, series_of(journal, None)))
    assert document["result"]["spending"]["by_service"]["ledger"]["oom_kills"] == 1
    assert document["result"]["floor"]["p99_ms"] == 1.5
