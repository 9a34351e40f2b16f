"""A network's logits around an image, as a landscape."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from robustill.report.figures.style import SIGNED, blank, styled
from robustill.report.svg import COLOURS

LINE = "#10141a"
"""On light tiles, whatever the page: not the page's ink."""


@styled
def logit_surface(margins: np.ndarray, *, limits: tuple[float, float] | None = None) -> Axes:
    """The margin of the true class over the plane of the perturbation δ and a random direction, both from -1 to 1.

    Args:
        margins: ``[along δ, along the random direction]``, the true class's logit over the highest other one.
        limits: of the height, so that two networks can be compared; None takes those of the margins.
    """
    low, high = limits or (float(margins.min()), float(margins.max()))
    figure = blank(290, 240)
    axes: Any = figure.add_axes((-0.02, 0.03, 0.9, 1.0), projection="3d")
    along, across = (np.linspace(-1, 1, n) for n in margins.shape)
    a, b = np.meshgrid(along, across, indexing="ij")
    reach = 1.02 * max(abs(low), abs(high)) or 1.0  # no tile has quite a colour that a dark page would change
    # Blue above zero, where the true class wins
    colours = SIGNED.reversed()(TwoSlopeNorm(0, -reach, reach)(margins))
    axes.plot_surface(
        a, b, margins, facecolors=colours, rstride=1, cstride=1, linewidth=0.4, edgecolor=COLOURS["muted"], shade=False
    )
    middle = margins.shape[0] // 2, margins.shape[1] // 2
    axes.plot(along, np.zeros(len(along)), margins[:, middle[1]], color=LINE, linewidth=1.6, zorder=10)
    axes.plot([0], [0], [margins[middle]], "o", color=LINE, markersize=5, zorder=11)
    axes.set(xlabel="along δ", ylabel="random", zlim=(low, high), xticks=(-1, 1), yticks=(-1, 1))
    axes.set_zlabel("margin")
    axes.view_init(elev=24, azim=-58)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0, 0, 0, 0))
    shown: Axes = axes
    return shown
