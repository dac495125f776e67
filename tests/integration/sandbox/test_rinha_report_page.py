"""The load test's report in a real browser: on a phone it never scrolls sideways."""

from pathlib import Path

from sandbox.rinha import plots, profile, report
from sandbox.rinha.intervals import intervals_of
from sandbox.rinha.series import series_of
from tests.e2e.browser import PHONE, Operator, running
from tests.unit.sandbox.rinha.test_rinha_intervals import SAMPLES
from tests.unit.sandbox.rinha.test_rinha_report import CHARGES, small_run

SMOKE = profile.load("smoke")


async def test_the_report_is_no_wider_than_a_phone(tmp_path: Path) -> None:
    """Figures, plots, intervals and checks; wider elements have their own scroll bar."""
    journal, result = small_run()
    series, intervals = series_of(journal, CHARGES), intervals_of(journal, SAMPLES, 10)
    images = plots.plots(SMOKE, series, intervals)
    template = report.TEMPLATE.read_text(encoding="utf-8")
    path = tmp_path / "report.html"
    path.write_text(report.html(template, SMOKE, result, journal, images, intervals=intervals), encoding="utf-8")
    async with running() as browser, Operator.looking(browser, path.as_uri(), viewport=PHONE) as reader:
        await reader.screenshot("report-phone")
        width = await reader.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
