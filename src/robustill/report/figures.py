"""The report's drawings, from plain numbers to matplotlib axes. Each can be called alone::

    from robustill.report.figures import Curve, training_curve

    axes = training_curve([Curve("PGDAT", x=(1, 2, 3), y=(40.0, 55.0, 60.0), best=2)], "Validation accuracy (%)")
    axes.legend()
    axes.figure.savefig("curve.pdf")

Sizes are in CSS pixels at which a figure's texts have their nominal size. No state of pyplot is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from robustill.report.labels import clipped
from robustill.report.statistics import Interval
from robustill.report.svg import COLOURS

P = ParamSpec("P")
R = TypeVar("R")

SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS["c2"], "#ffffff", COLOURS["c1"]])
"""Blue for negative, white for zero, vermillion for positive: apart for every kind of colour vision."""

LARGEST = 96
"""Pictures are shown with at most about this many pixels a side: a page of photographs stays small."""

STYLE: dict[Any, object] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "text.color": COLOURS["ink"],
    "text.parse_math": False,
    "axes.labelcolor": COLOURS["muted"],
    "axes.labelsize": 11,
    "axes.edgecolor": COLOURS["line"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": COLOURS["line"],
    "grid.linewidth": 0.8,
    "xtick.color": COLOURS["line"],
    "ytick.color": COLOURS["line"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "image.composite_image": False,
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draws in the report's style, and leaves matplotlib's own settings as they were."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def _figure(width: float, height: float, *, layout: str | None = "constrained") -> Figure:
    return Figure(figsize=(width / 72, height / 72), dpi=72, layout=layout)  # type: ignore[arg-type]  # a layout's name


@dataclass(frozen=True)
class Curve:
    """One run over its epochs. ``best`` is the position in ``x`` of the epoch whose weights were kept as best."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    best: int | None = None
    colour: str = COLOURS["c2"]
    dashed: bool = False


@styled
def training_curve(curves: Sequence[Curve], quantity: str, *, epochs: int | None = None) -> Axes:
    """A quantity over the epochs, a line a run: a diamond marks the best epoch, a dot the last one so far.

    Args:
        epochs: How many were planned: the axis goes to there, so that a run still training is seen to be one.
    """
    axes = _figure(262, 195).add_subplot(xlabel="epoch", ylabel=quantity)
    labelled = set()
    for curve in curves:
        label = "_" if curve.label in labelled else curve.label
        labelled.add(curve.label)
        axes.plot(
            curve.x, curve.y, color=curve.colour, linestyle="--" if curve.dashed else "-", linewidth=1.8, label=label
        )
        axes.plot(curve.x[-1:], curve.y[-1:], "o", color=curve.colour, markersize=5)
        if curve.best is not None:
            at = slice(curve.best, curve.best + 1)
            axes.plot(curve.x[at], curve.y[at], "D", color=curve.colour, markersize=7, markeredgecolor=COLOURS["paper"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    if epochs:
        axes.set_xlim(min(1, epochs - 1) - 0.03 * epochs, epochs * 1.03)
    return axes


@dataclass(frozen=True)
class Point:
    """One network in percent clean and robust, with its 95 % intervals. A teacher is a star, a base method hollow."""

    label: str
    clean: float
    robust: float
    clean_interval: Interval | None = None
    robust_interval: Interval | None = None
    colour: str = COLOURS["c2"]
    filled: bool = True
    star: bool = False


@styled
def tradeoff(points: Sequence[Point], arrows: Sequence[tuple[int, int]], attack: str) -> Axes:
    """Clean against robust accuracy. ``arrows`` are positions in ``points``: a base method, it with a term added."""
    axes = _figure(400, 310).add_subplot(xlabel="clean accuracy (%)", ylabel=f"{attack} accuracy (%)")
    for point in points:
        for interval, along, across in (
            (point.clean_interval, 0, point.robust),
            (point.robust_interval, 1, point.clean),
        ):
            if interval:
                ends = (interval, (across, across)) if along == 0 else ((across, across), interval)
                axes.plot(*ends, color=point.colour, linewidth=1.2, alpha=0.45, solid_capstyle="butt")
        axes.plot(
            point.clean,
            point.robust,
            "*" if point.star else "o",
            color=point.colour,
            markersize=17 if point.star else 10,
            markerfacecolor=point.colour if point.filled else COLOURS["paper"],
            markeredgewidth=0 if point.filled else 2,
            label=point.label,
            linestyle="none",
            zorder=4,
        )
    for start, end in arrows:
        tail, head = points[start], points[end]
        style = {
            "arrowstyle": "-|>,head_width=0.28,head_length=0.55",
            "color": head.colour,
            "lw": 1.6,
            "shrinkA": 7,
            "shrinkB": 6,
        }
        axes.annotate("", (head.clean, head.robust), (tail.clean, tail.robust), arrowprops=style, zorder=5)
    axes.margins(0.1)
    return axes


@dataclass(frozen=True)
class Attacked:
    """One image before and after an attack, ``[channels, height, width]`` in [0, 1], and what networks make of both."""

    truth: str
    x: np.ndarray
    x_adv: np.ndarray
    predictions: Mapping[str, tuple[str, str]]
    """Network -> its class for the clean and for the attacked image, in the order to show."""


@styled
def attack_strip(attacked: Attacked, largest: float) -> Figure:
    """Clean image, perturbation and attacked image side by side, with the networks' predictions under them.

    Args:
        largest: The perturbation (in pixels of [0, 1]) that is drawn black and white; mid-grey is no change.
    """
    side, gap, line = 80, 11, 17
    width, height = 3 * side + 2 * gap, 18 + side + line * len(attacked.predictions) + 4
    figure = _figure(width, height, layout=None)
    delta = 0.5 + (attacked.x_adv - attacked.x) / (2 * largest)
    for column, (title, image) in enumerate(
        (("clean", attacked.x), ("perturbation", delta), ("attacked", attacked.x_adv))
    ):
        left = column * (side + gap)
        axes = figure.add_axes((left / width, 1 - (18 + side) / height, side / width, side / height))
        _show(axes, image)
        figure.text(
            (left + side / 2) / width, 1 - 4 / height, title, ha="center", va="top", color=COLOURS["muted"], size=11
        )
    for row, (network, classes) in enumerate(attacked.predictions.items()):
        y = 1 - (18 + side + line * (row + 0.7)) / height
        figure.text(0.5, y, clipped(network, 14), ha="center", va="center", color=COLOURS["muted"], size=11)
        for x, predicted in zip((0.0, 1.0), classes, strict=True):
            right = predicted == attacked.truth
            text = f"{'✓' if right else '✗'} {clipped(predicted, 12)}"
            colour = COLOURS["ink" if right else "bad"]
            figure.text(x, y, text, ha="right" if x else "left", va="center", color=colour, size=11)
    return figure


@styled
def gradient_strip(image: np.ndarray, gradients: Mapping[str, np.ndarray], cosines: Mapping[str, float]) -> Figure:
    """An image and the input gradients of several networks, each in its own scale, cosines beneath.

    Args:
        image: ``[channels, height, width]`` in [0, 1].
        gradients: Network -> input gradient of the same shape; colour channels are summed.
        cosines: Network -> cosine to the teacher's gradient, for those that have one.
    """
    side, gap = 80, 11
    width, height = (len(gradients) + 1) * (side + gap) - gap, 18 + side + 20
    figure = _figure(width, height, layout=None)
    for column, name in enumerate(["image", *gradients]):
        left = column * (side + gap)
        axes = figure.add_axes((left / width, 1 - (18 + side) / height, side / width, side / height))
        _show(axes, image) if column == 0 else _show_signed(axes, gradients[name])
        centre = (left + side / 2) / width
        figure.text(centre, 1 - 4 / height, clipped(name, 11), ha="center", va="top", color=COLOURS["muted"], size=11)
        if name in cosines:
            text = f"cos {cosines[name]:.2f}".replace("-", "−")
            figure.text(centre, 1 - (18 + side + 6) / height, text, ha="center", va="top", size=11)
    return figure


def _show(axes: Axes, image: np.ndarray) -> None:
    """A picture pixel for pixel, grey or in colour."""
    shown = np.clip(_thin(image), 0, 1).astype(np.float64)
    grey = shown.shape[0] == 1
    axes.imshow(shown[0] if grey else np.moveaxis(shown, 0, -1), cmap="gray", vmin=0, vmax=1, interpolation="none")
    axes.set_axis_off()


def _show_signed(axes: Axes, gradient: np.ndarray) -> None:
    shown = _thin(gradient).astype(np.float64).sum(axis=0)
    limit = float(np.quantile(np.abs(shown), 0.99)) or 1.0  # a few pixels stand far out, and would pale all others
    axes.imshow(shown, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="none")
    axes.set_axis_off()


def _thin(image: np.ndarray) -> np.ndarray:
    """Every s-th pixel, about ``LARGEST`` of them: a perturbation keeps its values, unlike in an average."""
    step = -(-max(image.shape[1:]) // LARGEST)
    return image[:, ::step, ::step]
