"""Rows: marks or bars beside each other, each under the name of its row, so that long names need no margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from robustill.report.figures.style import Look, canvas, styled
from robustill.report.labels import clipped
from robustill.report.statistics import Interval
from robustill.report.svg import COLOURS

ROW = 32
"""Pixels a row takes."""


@dataclass(frozen=True)
class Series:
    """One mark in each row; None where there is nothing to show."""

    label: str
    values: Sequence[float | None]
    look: Look = Look()


@styled
def dot_rows(
    rows: Sequence[str],
    series: Sequence[Series],
    quantity: str,
    *,
    spans: bool = False,
    bold: Sequence[int] = (),
    wide: bool = False,
    limits: Interval | None = None,
) -> Axes:
    """Marks on one axis, a row for each name.

    Args:
        rows: their names.
        series: the marks.
        quantity: the label of the axis.
        spans: join the marks of a row by a bar: what is between them is meant.
        bold: rows to point out.
        wide: for a chart that stands alone.
        limits: of the axis, so that charts can be compared; None takes those of the marks.
    """
    axes = _rows(rows, quantity, bold, 400 if wide else 300)
    # Equal values are seen to be several, and the names above are clear of them; a bar's marks lie on it
    apart, below = (0.0, 0.0) if spans else (min(0.12, 0.3 / len(series)), 0.05)
    for at in range(len(rows)):
        values = [value for one in series if (value := one.values[at]) is not None]
        if spans and len(values) > 1:
            axes.plot((min(values), max(values)), (at, at), color=COLOURS["muted"], linewidth=3, alpha=0.4, zorder=2)
    for place, one in enumerate(series):
        shift = below + apart * (place - (len(series) - 1) / 2)
        shown = [(value, at + shift) for at, value in enumerate(one.values) if value is not None]
        if shown:
            axes.plot(*zip(*shown, strict=True), **one.look.mark(7), label=one.label, zorder=3)
    axes.margins(x=0.06)
    if limits is not None:
        room = 0.06 * (limits[1] - limits[0]) or 1.0  # all marks may be one value
        axes.set_xlim(limits[0] - room, limits[1] + room)
    return axes


@styled
def bar_rows(rows: Sequence[str], values: Sequence[float], quantity: str, *, colour: str = COLOURS["c2"]) -> Axes:
    """A bar for each name, with its number at the end."""
    axes = _rows(rows, quantity)
    for at, value in enumerate(values):
        axes.plot((0, value), (at, at), color=colour, linewidth=9, solid_capstyle="butt")
    axes.set_xlim(0, max(values, default=1) * 1.05 or 1)
    return axes


@styled
def waterfall(stages: Sequence[str], shares: Sequence[float], *, colour: str = COLOURS["c2"]) -> Axes:
    """Accuracy (%) after each of several attacks in a row: full is what stands, pale is what the attack broke."""
    before = [shares[0], *shares]
    names = [
        f"{stage}: {share:.1f} %" + (f" (−{was - share:.1f})" if was > share else "")
        for stage, share, was in zip(stages, shares, before[: len(shares)], strict=True)
    ]
    axes = _rows(names, "correct (%)")
    for at, (share, was) in enumerate(zip(shares, before, strict=False)):
        axes.plot((0, share), (at, at), color=colour, linewidth=9, solid_capstyle="butt")
        if was > share:
            axes.plot((share, was), (at, at), color=COLOURS["c1"], linewidth=9, solid_capstyle="butt", alpha=0.55)
    axes.set_xlim(0, 100)
    return axes


def _rows(rows: Sequence[str], quantity: str, bold: Sequence[int] = (), width: float = 300) -> Axes:
    """Empty rows, the first on top, each with its name over its line."""
    axes = canvas(width, ROW * len(rows) + 62, xlabel=quantity)
    axes.set_ylim(len(rows) - 0.35, -0.85)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    for at, name in enumerate(rows):
        axes.axhline(at, color=COLOURS["line"], linewidth=0.8, zorder=1)
        axes.annotate(
            clipped(name, 44),
            (0, at - 0.27),
            xycoords=("axes fraction", "data"),
            va="bottom",
            size=10.5,
            color=COLOURS["ink" if at in bold else "muted"],
            weight="bold" if at in bold else "normal",
        )
    return axes
