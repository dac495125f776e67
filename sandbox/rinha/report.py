"""The report of a run: one self-contained HTML file, and the same result as JSON for programs."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

import orjson

from sandbox.rinha import figures
from sandbox.rinha.intervals import Interval, header, row
from sandbox.rinha.load_journal import Comparison, LoadJournal
from sandbox.rinha.profile import PROCESSORS, Profile
from sandbox.rinha.score import Result
from sandbox.rinha.series import Series

TEMPLATE = Path(__file__).with_name("report.html")
CHECKS_MAX = 100  # of those that do not differ


def html(
    template: str,
    profile: Profile,
    result: Result,
    journal: LoadJournal,
    images: Mapping[str, bytes],
    *,
    intervals: Sequence[Interval] = (),
) -> str:
    """Fill the page; all texts are escaped, all images are embedded."""
    checks = [_check_row(check, profile, journal.start_ms or 0) for check in shown(journal.checks, profile)]
    return Template(template).substitute(
        profile=escape(profile.name),
        outcome="failed" if result.complaints else "passed",
        verdict=escape(figures.verdict(result)),
        figures="\n".join(_figure_row(*row) for row in figures.rows(result)),
        plots="\n".join(_plot(heading, png) for heading, png in images.items()),
        from_s_ago=profile.check.from_s_ago,
        to_s_ago=profile.check.to_s_ago,
        checks="\n".join(checks),
        spending=_usage(result),
        inside=_intervals_table(intervals),
        examples=_examples(result),
    )


def shown(checks: Sequence[Comparison], profile: Profile) -> Sequence[Comparison]:
    """Return the checks that fit a page: all, or of many those that differ and a regular sample of the others."""
    every = 1 + len(checks) // CHECKS_MAX
    how = profile.check.differences
    return [one for number, one in enumerate(checks) if number % every == 0 or one.differences(how)]


def as_json(result: Result, series: Series, intervals: Sequence[Interval] = ()) -> bytes:
    """Return the result for programs: exact decimals as text, the rest as numbers."""
    document = {
        "result": result,
        "complaints": result.complaints,
        "double_charges": result.audit.double_charges if result.audit else None,
        "per_second": series,
        "inside": intervals,
    }
    return orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2)


def file_name(heading: str) -> str:
    """Return the name of a plot's own file."""
    return "-".join("".join(c if c.isalnum() else " " for c in heading.lower()).split()) + ".png"


def _intervals_table(rows: Sequence[Interval]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in header(rows))
    lines = [
        "<tr>" + "".join(f'<td class="n">{escape(text)}</td>' for text in row(one, rows)) + "</tr>" for one in rows
    ]
    text = "\n".join(lines)
    table = f'<div class="wide small" tabindex="0"><table>\n<tr>{head}</tr>\n{text}\n</table></div>'
    return f"<h2>Where the time goes</h2>\n{table}"


def _figure_row(what: str, value: str, meaning: str) -> str:
    return f'<tr><td>{escape(what)}</td><td class="n">{escape(value)}</td><td class="m">{escape(meaning)}</td></tr>'


def _usage(result: Result) -> str:
    rows = "\n".join(_figure_row(*row) for row in figures.usage_rows(result))
    table = f'<div class="wide" tabindex="0"><table>\n{rows}\n</table></div>'
    return f"<h2>Under docker-compose.yml's limits</h2>\n{table}" if rows else ""


def _plot(heading: str, png: bytes) -> str:
    source = base64.b64encode(png).decode()
    return f'<h2>{escape(heading)}</h2>\n<img alt="{escape(heading)}" src="data:image/png;base64,{source}">'


def _check_row(check: Comparison, profile: Profile, start_ms: int) -> str:
    differences = check.differences(profile.check.differences)
    counts = [totals[name].count for name in PROCESSORS for totals in (check.said, check.booked)]
    values = [(check.at_ms - start_ms) // 1000, *counts, differences, check.difference_cents]
    cells = "".join(f'<td class="n">{value:,}</td>' for value in values)
    outcome = "bad" if differences or check.difference_cents else "good"
    return f'<tr class="{outcome}">{cells}</tr>'


def _examples(result: Result) -> str:
    if result.audit is None or not result.audit.examples:
        return ""
    parts = [
        f"<h3>{escape(kind.replace('_', ' '))}</h3><p><code>{escape(', '.join(ids))}</code></p>"
        for kind, ids in result.audit.examples.items()
    ]
    return "<h2>Payments to look at</h2>" + "\n".join(parts)
