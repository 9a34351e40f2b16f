"""Points: one number of each network against another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from robustill.report.figures.style import Look, canvas, styled
from robustill.report.statistics import Fit, Interval
from robustill.report.svg import COLOURS


@dataclass(frozen=True)
class Point:
    """One network, with its 95 % intervals where they are known."""

    label: str
    x: float
    y: float
    x_interval: Interval | None = None
    y_interval: Interval | None = None
    look: Look = Look()


CROWD = 8
"""Of more points no intervals are drawn: they would hide the points."""


@styled
def scatter(
    points: Sequence[Point],
    x_label: str,
    y_label: str,
    *,
    arrows: Sequence[tuple[int, int]] = (),
    fit: Fit | None = None,
    small: bool = False,
) -> Axes:
    """One number of each network against another.

    Args:
        points: the networks.
        x_label, y_label: of the axes.
        arrows: positions in ``points``: a base method, and the same with a term added.
        fit: a line through the points.
        small: for two of them side by side.
    """
    axes = canvas(330 if small else 400, 255 if small else 310, xlabel=x_label, ylabel=y_label)
    crowded = len(points) > CROWD
    for point in points:
        thin: dict[str, Any] = {"color": point.look.colour, "linewidth": 1.2, "alpha": 0.45, "solid_capstyle": "butt"}
        if point.x_interval and not crowded:
            axes.plot(point.x_interval, (point.y, point.y), **thin)
        if point.y_interval and not crowded:
            axes.plot((point.x, point.x), point.y_interval, **thin)
        axes.plot(point.x, point.y, **point.look.mark(8 if small or crowded else 10), label=point.label, zorder=4)
    for start, end in arrows:
        _arrow(axes, points[start], points[end])
    axes.margins(0.1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    if fit:
        ends = [min(p.x for p in points), max(p.x for p in points)]
        heights = [fit.intercept + fit.slope * x for x in ends]
        axes.plot(ends, heights, color=COLOURS["muted"], linewidth=1.2, linestyle=(0, (1, 2)), label="_", zorder=2)
    return axes


def _arrow(axes: Axes, tail: Point, head: Point) -> None:
    style = {
        "arrowstyle": "-|>,head_width=0.28,head_length=0.55",
        "color": head.look.colour,
        "lw": 1.6,
        "shrinkA": 7,
        "shrinkB": 6,
    }
    axes.annotate("", (head.x, head.y), (tail.x, tail.y), arrowprops=style, zorder=5)
