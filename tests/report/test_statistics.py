from __future__ import annotations

import math

import numpy as np
import pytest

from robustill.report.statistics import over_images, over_seeds, spread, t95


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 11, 12, 30, 200])
def test_the_quantile_leaves_five_percent_outside(freedom: int) -> None:
    # The integral of Student's density, with x = tan(u) to make the range finite.
    u = np.linspace(0, math.atan(t95(freedom)), 20_001)
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    density = scale * (1 + np.tan(u) ** 2 / freedom) ** (-(freedom + 1) / 2) / np.cos(u) ** 2
    assert 2 * np.trapezoid(density, u) == pytest.approx(0.95, abs=2e-5)


def test_the_interval_over_seeds_is_the_t_interval() -> None:
    low, high = over_seeds([1.0, 2.0, 3.0])
    assert (low + high) / 2 == pytest.approx(2)
    assert (high - low) / 2 == pytest.approx(4.3027 / math.sqrt(3))
    assert spread([1.0, 2.0, 3.0]) == pytest.approx(1)


def test_the_interval_over_images_covers_the_true_difference_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    before = random.random((2000, 300)) < 0.75
    after = np.where(random.random((2000, 300)) < 0.1, random.random((2000, 300)) < 0.95, before)
    truth = 0.1 * (0.95 - 0.75)
    intervals = [over_images(a, b) for a, b in zip(after, before, strict=True)]
    covered = np.mean([low <= truth <= high for low, high in intervals])
    assert 0.93 < covered < 0.975


def test_two_networks_that_never_disagree_still_have_an_interval_with_a_width() -> None:
    same = np.ones(100, dtype=bool)
    low, high = over_images(same, same)
    assert low < 0 < high
    assert low == pytest.approx(-high)


def test_flags_that_differ_move_the_interval_to_their_side() -> None:
    worse = np.arange(400) < 200
    better = np.arange(400) < 260
    assert over_images(better, worse)[0] > 0
    assert over_images(worse, better)[1] < 0


def test_numbers_are_compared_by_their_mean_difference() -> None:
    random = np.random.default_rng(1)
    before = random.random(500).astype(np.float32)
    low, high = over_images(before + np.float32(0.5), before)
    assert low == pytest.approx(0.5, abs=1e-3)
    assert high == pytest.approx(0.5, abs=1e-3)


def test_one_image_proves_nothing() -> None:
    assert over_images(np.array([0.5]), np.array([0.1])) == (-math.inf, math.inf)
