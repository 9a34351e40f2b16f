"""What all figures have in common: their size, their type, their colours, and that matplotlib stays as it was.

A drawing of one's own looks like the report's with::

    @styled
    def draw() -> Axes:
        axes = canvas(400, 300, xlabel="GC", ylabel="AutoAttack accuracy (%)")
        ...
        return axes
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from robustill.report.svg import COLOURS

P = ParamSpec("P")
R = TypeVar("R")

SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS["c2"], "#ffffff", COLOURS["c1"]])
"""Blue for negative, white for zero, vermillion for positive: apart for every kind of colour vision."""

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

MARKERS = "osD^vP"
"""After the colours have been used once, the next networks have the next marker."""


@dataclass(frozen=True)
class Look:
    """How a network is drawn, the same in every figure.

    Attributes:
        colour: of its lines and marks.
        filled: a base method to which something was added is hollow, and its lines are dashed.
        marker: as matplotlib calls it; a teacher's is a star.
    """

    colour: str = COLOURS["c2"]
    filled: bool = True
    marker: str = "o"

    @property
    def line(self) -> dict[str, Any]:
        """Of a line, as matplotlib takes it."""
        return {"color": self.colour, "linestyle": "-" if self.filled else "--", "linewidth": 1.8}

    def mark(self, size: float) -> dict[str, Any]:
        """Of a mark without a line; the size is that of a dot."""
        return {
            "color": self.colour,
            "linestyle": "none",
            "marker": self.marker,
            "markersize": size * (1.7 if self.marker == "*" else 1),
            "markerfacecolor": self.colour if self.filled else COLOURS["paper"],
            "markeredgewidth": 0 if self.filled else size / 5,
        }


STAR = Look(COLOURS["ink"], marker="*")
"""A teacher."""


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draws in the report's style, and leaves matplotlib's own settings as they were."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def canvas(width: float, height: float, **choices: Any) -> Axes:
    """Axes on a figure of their own, in CSS pixels, at which texts have their nominal size.

    Args:
        width, height: of the figure.
        choices: for matplotlib's ``add_subplot``, such as ``xlabel``.
    """
    axes: Axes = blank(width, height, layout="constrained").add_subplot(**choices)
    return axes


def pixels(axes: Axes) -> np.ndarray:
    """The figure that axes stand on as a picture, ``[height, width, 3]`` of bytes, twice as many pixels a side."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # the figures of this package give every axes one
    figure.set_dpi(144)
    drawn: Any = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a class name in another script
        drawn.draw()
    return np.asarray(drawn.buffer_rgba())[..., :3].copy()


def blank(width: float, height: float, *, layout: str | None = None) -> Figure:
    """An empty figure, in CSS pixels."""
    return Figure(figsize=(width / 72, height / 72), dpi=72, layout=layout)  # type: ignore[arg-type]  # a layout's name
