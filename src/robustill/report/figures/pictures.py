"""Pictures: an image beside what an attack adds to it, or beside the networks' input gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from robustill.report.figures.style import SIGNED, blank, styled
from robustill.report.labels import clipped
from robustill.report.svg import COLOURS

LARGEST = 96
"""Pictures are shown with at most about this many pixels a side: a page of photographs stays small."""

SIDE, GAP, TITLE, LINE = 80, 11, 18, 17
"""Pixels of a picture, between two, over them for their titles, and of a line of text under them."""


@dataclass(frozen=True)
class Attacked:
    """One image before and after an attack, ``[channels, height, width]`` in [0, 1], and what networks make of both."""

    truth: str
    x: np.ndarray
    x_adv: np.ndarray
    predictions: Mapping[str, tuple[str, str]]
    """Network -> its class for the clean and for the attacked image, in the order to show."""


@styled
def attack_strip(attacked: Attacked, largest: float) -> Axes:
    """Clean image, perturbation and attacked image side by side, with the networks' predictions under them.

    Args:
        attacked: the image.
        largest: the perturbation (in pixels of [0, 1]) that is drawn black and white; mid-grey is no change.
    """
    axes = _strip(3, lines=len(attacked.predictions))
    delta = 0.5 + (attacked.x_adv - attacked.x) / (2 * largest)
    for column, (title, image) in enumerate(
        (("clean", attacked.x), ("perturbation", delta), ("attacked", attacked.x_adv))
    ):
        _title(axes, column, title)
        _show(axes, column, image)
    for row, (network, classes) in enumerate(attacked.predictions.items()):
        y = -LINE * (row + 0.7)
        middle = 1.5 * SIDE + GAP
        axes.text(middle, y, clipped(network, 14), ha="center", va="center", color=COLOURS["muted"])
        for x, side, predicted in zip((0, 2 * middle), ("left", "right"), classes, strict=True):
            right = predicted == attacked.truth
            text = f"{'✓' if right else '✗'} {clipped(predicted, 12)}"
            axes.text(x, y, text, ha=side, va="center", color=COLOURS["ink" if right else "bad"])
    return axes


@styled
def gradient_strip(image: np.ndarray, gradients: Mapping[str, np.ndarray], cosines: Mapping[str, float]) -> Axes:
    """An image and the input gradients of several networks, each in its own scale, cosines beneath.

    Args:
        image: ``[channels, height, width]`` in [0, 1].
        gradients: network -> input gradient of the same shape; colour channels are summed.
        cosines: network -> cosine to the teacher's gradient, for those that have one.
    """
    axes = _strip(len(gradients) + 1, lines=1)
    for column, name in enumerate(["image", *gradients]):
        _title(axes, column, clipped(name, 11))
        if column:
            _show_signed(axes, column, gradients[name])
        else:
            _show(axes, column, image)
        if name in cosines:
            text = f"cos {cosines[name]:.2f}".replace("-", "−")
            axes.text(_left(column) + SIDE / 2, -0.7 * LINE, text, ha="center", va="center")
    return axes


def _strip(pictures: int, *, lines: int) -> Axes:
    """Axes of pixels: pictures stand from 0 upwards, lines of text below."""
    width, below = _left(pictures) - GAP, LINE * lines + 4
    axes = blank(width, TITLE + SIDE + below).add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(-below, SIDE + TITLE), autoscale_on=False)
    return axes


def _left(column: int) -> float:
    return column * (SIDE + GAP)


def _title(axes: Axes, column: int, title: str) -> None:
    axes.text(_left(column) + SIDE / 2, SIDE + TITLE - 4, title, ha="center", va="top", color=COLOURS["muted"])


def _show(axes: Axes, column: int, image: np.ndarray) -> None:
    """A picture pixel for pixel, grey or in colour."""
    shown = np.clip(_thin(image), 0, 1).astype(np.float64)
    grey = shown.shape[0] == 1
    _place(axes, column, shown[0] if grey else np.moveaxis(shown, 0, -1), cmap="gray", vmin=0, vmax=1)


def _show_signed(axes: Axes, column: int, gradient: np.ndarray) -> None:
    shown = _thin(gradient).astype(np.float64).sum(axis=0)
    limit = float(np.quantile(np.abs(shown), 0.99)) or 1.0  # a few pixels stand far out, and would pale all others
    _place(axes, column, shown, cmap=SIGNED, vmin=-limit, vmax=limit)


def _place(axes: Axes, column: int, image: np.ndarray, **colours: object) -> None:
    left = _left(column)
    axes.imshow(image, extent=(left, left + SIDE, 0, SIDE), interpolation="none", aspect="equal", **colours)  # type: ignore[arg-type]  # of any kind


def _thin(image: np.ndarray) -> np.ndarray:
    """Every s-th pixel, about ``LARGEST`` of them: a perturbation keeps its values, unlike in an average."""
    step = -(-max(image.shape[1:]) // LARGEST)
    return image[:, ::step, ::step]
