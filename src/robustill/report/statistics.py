"""Intervals for the few numbers a comparison has: over seeds, and over the same images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robustill.results import Z95

Interval = tuple[float, float]

T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
"""Two-sided 95 % quantiles of Student's t with 1 to 10 degrees of freedom."""


def t95(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t: a table for few degrees, the Cornish-Fisher expansion beyond it."""
    if freedom <= len(T95):
        return T95[freedom - 1]
    z = Z95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def spread(values: Sequence[float]) -> float:
    """The standard deviation of a sample of at least two."""
    return float(np.std(values, ddof=1))


def over_seeds(values: Sequence[float]) -> Interval:
    """The 95 % t-interval of the mean of at least two independent values."""
    mean = float(np.mean(values))
    half = t95(len(values) - 1) * spread(values) / math.sqrt(len(values))
    return mean - half, mean + half


def over_images(after: np.ndarray, before: np.ndarray) -> Interval:
    """The 95 % interval of the mean of ``after - before``, one number an image, the same images in both.

    For right-or-wrong flags half a pair is added to each of the four cells first (Agresti and Min, Statistics in
    Medicine 24, 2005), so that the interval keeps a width when the two networks hardly disagree.
    """
    if after.dtype == np.bool_:
        won, lost = np.sum(after & ~before) + 0.5, np.sum(before & ~after) + 0.5
        n = len(after) + 2
        mean = float(won - lost) / n
        half = Z95 * math.sqrt(won + lost - (won - lost) ** 2 / n) / n
    else:
        difference = after.astype(np.float64) - before.astype(np.float64)
        mean = float(difference.mean())
        half = Z95 * float(difference.std(ddof=1)) / math.sqrt(len(difference)) if len(difference) > 1 else math.inf
    return mean - half, mean + half


@dataclass(frozen=True)
class Fit:
    """The least-squares line through points, Pearson's correlation and how many points there are."""

    slope: float
    intercept: float
    r: float
    n: int


def fit(x: Sequence[float], y: Sequence[float]) -> Fit | None:
    """None for fewer than three points, or where one coordinate is the same for all: nothing can be said then."""
    if len(x) < 3 or len(set(x)) < 2 or len(set(y)) < 2:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    return Fit(float(slope), float(intercept), float(np.corrcoef(x, y)[0, 1]), len(x))
