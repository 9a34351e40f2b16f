"""What a number of some images says of all of them: 95 % intervals."""

from __future__ import annotations

import math

import numpy as np

Z95 = 1.959963984540054
"""The two-sided 95 % quantile of the normal distribution."""

RESAMPLES = 1000
"""How many samples the bootstrap of a mean draws."""


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927): honest near 0 and 1, where ``p ± 1.96·se`` is not."""
    p = correct / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def bootstrap(values: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of a mean (Efron 1979), from means of samples drawn with replacement.

    The seed is fixed: the same numbers have the same interval.
    """
    random = np.random.default_rng(0)
    means = [values[random.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
