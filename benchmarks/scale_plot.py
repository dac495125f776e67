"""The picture of benchmarks/scale.py: what grows with instances, and what with the backlog."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN, DPI = 12.0, 3.6, 110
STORED_INK, SETTLED_INK = "#1f4e79", "#2e8b57"


class Rate(Protocol):
    """One measurement; implemented by ``scale.Rate``."""

    @property
    def per_s(self) -> float:
        """Payments per second."""

    @property
    def cpu_us(self) -> float:
        """CPU of all services for each."""


def plot(
    file: Path,
    stored: Mapping[int, Rate],
    settled: Mapping[int, Rate],
    backlogs: Mapping[int, tuple[Rate, Rate]],
) -> None:
    """Draw it as a PNG."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _throughput(left, "ingress instances", "stored / s", stored, STORED_INK)
    _throughput(middle, "dispatchers", "settled / s", settled, SETTLED_INK)
    waiting = list(backlogs)
    right.plot(waiting, [each[0].cpu_us for each in backlogs.values()], "o-", color=STORED_INK, label="to store")
    right.plot(waiting, [each[1].cpu_us for each in backlogs.values()], "o-", color=SETTLED_INK, label="to settle")
    right.set_xscale("log")
    right.set_xlabel("payments waiting")
    right.set_ylabel("CPU per payment, us, all services")
    right.set_ylim(bottom=0)
    right.legend(frameon=False)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def _throughput(axes: Axes, what: str, unit: str, rates: Mapping[int, Rate], ink: str) -> None:
    axes.plot(list(rates), [rate.per_s for rate in rates.values()], "o-", color=ink)
    axes.set_xticks(list(rates))
    axes.set_xlabel(what)
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
