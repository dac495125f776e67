"""A run in intervals of five seconds: levels, rates, and gaps where no answer came."""

import json

from sandbox.charges import Charge
from sandbox.rinha import plots, profile, report
from sandbox.rinha.intervals import header, intervals_of, row
from sandbox.rinha.load_journal import LoadJournal
from sandbox.rinha.series import series_of
from sandbox.rinha.state_samples import CpuUsage, SampledDispatcher, StateSample, _state

START_MS = 1_000_000
SMOKE = profile.load("smoke")


def journal() -> LoadJournal:
    """Ten payments in the first interval, one in the second."""
    made = LoadJournal(start_ms=START_MS)
    for number in range(11):
        at_ms = START_MS + (5_500 if number == 10 else number * 100)
        made.add([b'{"kind":"payment","id":"%d","at_ms":%d,"status":202,"took_ms":%d}' % (number, at_ms, number + 1)])
    return made


def state(calls: int, moves: int, in_flight: int, condition: str = "serving") -> SampledDispatcher:
    """One processor."""
    return SampledDispatcher(
        {"default": condition}, {"default": in_flight}, in_hand=3, backlog=calls, calls=calls, moves=moves
    )


SAMPLES = [
    StateSample(START_MS - 500, state(0, 0, 9), {"nats": CpuUsage(1.0)}),
    StateSample(START_MS + 500, state(10, 0, 2), {"nats": CpuUsage(1.2)}),
    StateSample(START_MS + 4_500, state(50, 5, 4, "failing"), {"nats": CpuUsage(2.0, 0.5)}),
    StateSample(START_MS + 5_500, None, {"nats": CpuUsage(2.5, 0.5)}),
]


def test_levels_are_of_the_interval_and_rates_begin_before_it() -> None:
    """In-flight calls are a mean, conditions are a list of all that occurred, a count is per second."""
    first, second = intervals_of(journal(), SAMPLES, 10)
    assert (first.from_s, first.accepted_per_s, first.p50_ms) == (0, 2.0, 5.5)
    assert (first.backlog, first.in_hand, first.in_flight, first.conditions) == (
        *(50, 3),
        *({"default": 3.0}, {"default": "serving, failing"}),
    )
    assert (first.calls_per_s, first.moves_per_s) == (10.0, 1.0)
    assert (first.cpu, first.throttled_ms) == ({"nats": 0.2}, {"nats": 100.0})
    assert (second.from_s, second.accepted_per_s, second.cpu) == (5, 0.2, {"nats": 0.5})


def test_no_value_is_invented() -> None:
    """An interval without an answer of the dispatcher has gaps, and so has a count that was reset."""
    second = intervals_of(journal(), SAMPLES, 10)[1]
    assert (second.backlog, second.calls_per_s, second.in_flight, second.conditions) == (None, None, {}, {})
    restarted = [SAMPLES[2], StateSample(START_MS + 5_500, state(1, 0, 0), {"nats": CpuUsage(0.1)})]
    second = intervals_of(journal(), restarted, 10)[1]
    assert (second.calls_per_s, second.cpu) == (None, {})


def test_each_row_has_a_text_for_each_column() -> None:
    """Also the row of an interval without any answer."""
    intervals = intervals_of(journal(), SAMPLES, 15)
    assert {len(row(one, intervals)) for one in intervals} == {len(header(intervals))}
    assert row(intervals[0], intervals)[:7] == ["0", "2", "5.5", "9.9", "50", "10", "1"]


def test_report_and_plots_show_the_intervals() -> None:
    """In the page as a table, as plots, and in the JSON."""
    intervals = intervals_of(journal(), SAMPLES, 10)
    series = series_of(journal(), None)
    drawn = plots.plots(SMOKE, series, intervals)
    assert {"Calls under way", "CPU by service"} <= set(drawn)
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())
    assert report.file_name("Answer time of POST /payments") == "answer-time-of-post-payments.png"
    assert "default: in flight" in report._intervals_table(intervals)
    assert report._intervals_table([]) == ""


def test_the_dispatchers_answer_is_read() -> None:
    """Every finished attempt is a call, whatever its outcome."""
    said = {
        "conditions": {"default": {"state": "failing", "latencyMs": 1.0}},
        "inFlight": {"default": 2},
        "boundWaiting": {"default": 0},
        "inHand": 5,
        "backlog": 7,
        "counts": {"settled.default": 3, "not_booked": 2, "unknown": 1, "refused.default": 1, "moved": 4, "let_go": 9},
    }
    assert _state(json.dumps(said).encode()) == SampledDispatcher(
        {"default": "failing"}, {"default": 2}, 5, 7, calls=7, moves=4
    )


def test_no_legend_covers_other_text() -> None:
    """Stages are labelled above the axes, a bound beside them."""
    series, intervals = (
        series_of(journal(), [Charge("default", "0", 1990, (START_MS + 9_000) * 1_000)]),
        intervals_of(journal(), SAMPLES, 10),
    )
    for draw in (
        lambda axes: plots._latency(axes, series),
        lambda axes: plots._settled(axes, series),
        lambda axes: plots._cpu(axes, intervals),
    ):
        figure = plots._figure(draw, SMOKE, series)
        figure.draw_without_rendering()
        [axes] = figure.axes
        words = [one.get_window_extent() for one in (*axes.texts, axes.xaxis.label, *axes.get_xticklabels())]
        legends = [one.get_window_extent() for one in (*figure.legends, axes.get_legend()) if one is not None]
        assert not [words for legend in legends for other in words if legend.overlaps(other)]
