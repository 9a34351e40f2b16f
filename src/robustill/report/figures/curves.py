"""Lines: a quantity over the epochs, robust accuracy over the radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from robustill.report.figures.style import Look, canvas, styled
from robustill.report.svg import COLOURS


@dataclass(frozen=True)
class Curve:
    """One run or network. ``best`` is the position in ``x`` of the epoch whose weights were kept as best."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    best: int | None = None
    look: Look = Look()


@styled
def training_curve(curves: Sequence[Curve], quantity: str, *, epochs: int | None = None) -> Axes:
    """A quantity over the epochs, a line a run: a diamond marks the best epoch, the network's own mark the last.

    Args:
        curves: the runs.
        quantity: the label of the axis.
        epochs: how many were planned: the axis goes to there, so that a run still training is seen to be one.
    """
    axes = canvas(262, 195, xlabel="epoch", ylabel=quantity)
    _lines(axes, curves, thin=len(curves) > 8)
    for curve in curves:
        axes.plot(curve.x[-1:], curve.y[-1:], curve.look.marker, color=curve.look.colour, markersize=5)
        if curve.best is not None:
            at = slice(curve.best, curve.best + 1)
            axes.plot(
                curve.x[at], curve.y[at], "D", color=curve.look.colour, markersize=7, markeredgecolor=COLOURS["paper"]
            )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    if epochs:
        axes.set_xlim(min(1, epochs - 1) - 0.03 * epochs, epochs * 1.03)
    return axes


@styled
def radius_curve(curves: Sequence[Curve], attack: str, unit: str, *, usual: float | None = None) -> Axes:
    """Accuracy (%) over the radius of the budget, a line a network.

    Args:
        curves: x the radii, y the accuracies.
        attack: its name.
        unit: of the radii.
        usual: the radius of the other tables, marked by a line.
    """
    axes = canvas(330, 240, xlabel=f"radius ({unit})" if unit else "radius", ylabel=f"{attack} accuracy (%)")
    if usual is not None:
        axes.axvline(usual, color=COLOURS["muted"], linewidth=1, linestyle=":")
    _lines(axes, curves, thin=len(curves) > 8)
    for curve in curves:
        axes.plot(curve.x, curve.y, **curve.look.mark(5))
    axes.set_ylim(bottom=0)
    measured = sorted({x for curve in curves for x in curve.x})
    axes.set_xticks(measured if len(measured) <= 8 else measured[:: -(-len(measured) // 8)])
    return axes


def _lines(axes: Axes, curves: Sequence[Curve], *, thin: bool) -> None:
    labelled = set()
    for curve in curves:
        label = "_" if curve.label in labelled else curve.label
        labelled.add(curve.label)
        axes.plot(curve.x, curve.y, **curve.look.line | ({"linewidth": 1.0} if thin else {}), label=label)
