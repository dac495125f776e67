"""The plots of the report, as PNG images in memory. Drawn without pyplot: no global state, no display."""

from collections.abc import Callable, Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sandbox.rinha.intervals import INTERVAL_S, Interval, processors, services
from sandbox.rinha.profile import Profile, Stage
from sandbox.rinha.series import Series

WIDTH_IN, HEIGHT_IN, DPI = 11.0, 3.2, 110
COLOURS = {
    "accepted": "#1f4e79",
    "failed": "#c0392b",
    "default": "#2e8b57",
    "fallback": "#d98c1f",
    "backlog": "#6c5b9e",
}
SERVICE_COLOURS = ("#1f4e79", "#2e8b57", "#d98c1f", "#6c5b9e", "#c0392b", "#7f8c8d")
SHADES = {"usual": "#ffffff", "slow": "#fdf3d8", "failing": "#f9dcd8"}
SLOW_MS = 1000  # from here on a stage is shaded as slow

Draw = Callable[[Axes], None]


def plots(profile: Profile, series: Series, intervals: Sequence[Interval] = ()) -> dict[str, bytes]:
    """Draw all plots of a run; the key is the heading."""
    drawings: dict[str, Draw] = {
        "Payments accepted per second": lambda axes: _arrivals(axes, series),
        "Answer time of POST /payments": lambda axes: _latency(axes, series),
    }
    if series.settled:
        drawings["Charged per second, by requestedAt"] = lambda axes: _settled(axes, series)
        drawings["Accepted and not yet charged"] = lambda axes: _backlog(axes, series)
    if intervals:
        drawings["Calls under way"] = lambda axes: _in_flight(axes, intervals)
        drawings["CPU by service"] = lambda axes: _cpu(axes, intervals)
    return {heading: _png(draw, profile, series) for heading, draw in drawings.items()}


def _png(draw: Draw, profile: Profile, series: Series) -> bytes:
    image = BytesIO()
    _figure(draw, profile, series).savefig(image, format="png")
    return image.getvalue()


def _figure(draw: Draw, profile: Profile, series: Series) -> Figure:
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    _shade(axes, profile, end=series.seconds[-1] + 1)
    draw(axes)
    axes.set_xlim(0, series.seconds[-1] + 1)
    axes.set_xlabel("seconds since the start")
    axes.spines[["top", "right"]].set_visible(False)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        # Below: beside and above the axes there is text already.
        figure.legend(loc="outside lower right", ncols=len(SERVICE_COLOURS), frameon=False)
    return figure


def _shade(axes: Axes, profile: Profile, end: int) -> None:
    """Draw each stage's background, and write above it how the two processors behave."""
    ends = [stage.second for stage in profile.stages[1:]] + [end]
    for stage, until in zip(profile.stages, ends, strict=True):
        axes.axvspan(stage.second, until, color=SHADES[_condition(stage)], zorder=0)
        axes.axvline(stage.second, color="#bbbbbb", linewidth=0.6, zorder=1)
        caption = str(stage).replace(" | ", "\n")
        axes.annotate(
            caption, (stage.second, 1.0), (2, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=6.5, color="#555555", annotation_clip=False,
        )  # fmt: skip


def _condition(stage: Stage) -> str:
    if stage.default.failing or stage.fallback.failing:
        return "failing"
    slow = max(stage.default.delay_ms, stage.fallback.delay_ms) >= SLOW_MS
    return "slow" if slow else "usual"


def _line(axes: Axes, x: Sequence[float], y: Sequence[float], name: str, colour: str) -> None:
    axes.plot(x, y, color=colour, label=name, linewidth=1.3, zorder=3)


def _arrivals(axes: Axes, series: Series) -> None:
    _line(axes, series.seconds, series.accepted, "accepted", COLOURS["accepted"])
    if any(series.failed):
        _line(axes, series.seconds, series.failed, "failed", COLOURS["failed"])
    axes.set_ylabel("payments / s")
    axes.set_ylim(bottom=0)


def _latency(axes: Axes, series: Series) -> None:
    _line(axes, series.seconds, series.p50_ms, "p50", COLOURS["default"])
    _line(axes, series.seconds, series.p99_ms, "p99", COLOURS["accepted"])
    axes.axhline(11, color="#999999", linestyle=":", linewidth=1.0)
    axes.annotate(
        "no bonus above", (1.0, 11), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        va="center", fontsize=7, color="#777777", annotation_clip=False,
    )  # fmt: skip
    if any(series.p50_ms):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("ms (log scale)")


def _settled(axes: Axes, series: Series) -> None:
    for name, counts in series.settled.items():
        _line(axes, series.seconds, counts, name, COLOURS[name])
    axes.set_ylabel("payments / s")
    axes.set_ylim(bottom=0)


def _backlog(axes: Axes, series: Series) -> None:
    axes.fill_between(series.seconds, series.backlog, color=COLOURS["backlog"], alpha=0.25, linewidth=0, zorder=2)
    _line(axes, series.seconds, series.backlog, "backlog", COLOURS["backlog"])
    axes.set_ylabel("payments")


def _in_flight(axes: Axes, intervals: Sequence[Interval]) -> None:
    middles = [one.from_s + INTERVAL_S / 2 for one in intervals]
    for name in processors(intervals):
        colour = COLOURS.get(name, COLOURS["accepted"])
        _line(axes, middles, [one.in_flight.get(name, float("nan")) for one in intervals], name, colour)
        failing = [one for one in intervals if "failing" in one.conditions.get(name, "")]
        for one in failing:
            axes.plot(
                [one.from_s, one.from_s + INTERVAL_S], [one.in_flight[name]] * 2, color=colour, linewidth=4, alpha=0.5
            )
    axes.set_ylabel("calls (thick: taken for failing)")
    axes.set_ylim(bottom=0)


def _cpu(axes: Axes, intervals: Sequence[Interval]) -> None:
    middles = [one.from_s + INTERVAL_S / 2 for one in intervals]
    for name, colour in zip(services(intervals), SERVICE_COLOURS, strict=False):
        _line(axes, middles, [one.cpu.get(name, float("nan")) for one in intervals], name, colour)
        waiting = [one.throttled_ms.get(name, 0.0) / 1000 for one in intervals]
        if any(waiting):
            axes.plot(middles, waiting, color=colour, linewidth=1.0, linestyle=":")
    axes.set_ylabel("CPUs (dotted: kept waiting)")
    axes.set_ylim(bottom=0)
