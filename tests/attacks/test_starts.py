"""Where attacks start."""

from __future__ import annotations

import math

import pytest
import torch

from robustill.attacks import L2, Gaussian, Linf, Start, Uniform, Zero
from tests.networks import images


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_zero_is_the_image() -> None:
    x = images(3, 1, 4, 5)
    assert torch.equal(Zero()(x, Linf(0.1)), x)


def test_uniform_is_the_budgets_own_noise_clipped_to_pixels() -> None:
    x, budget = images(20, 3, 4, 4), Linf(0.4)
    start = Uniform()(x, budget, generator())
    assert torch.equal(start, (x + budget.uniform(x, generator())).clamp(0, 1))
    assert start.min() == 0 and start.max() == 1  # so much noise does leave [0, 1]


def test_uniform_without_clipping_leaves_the_pixels() -> None:
    x, budget = images(20, 3, 4, 4), Linf(0.4)
    start = Uniform(clip=False)(x, budget, generator())
    assert torch.equal(start, x + budget.uniform(x, generator()))
    assert start.min() < 0 and start.max() > 1


def test_gaussian_has_its_deviation_and_is_neither_clipped_nor_projected() -> None:
    x = images(20, 3, 8, 8).round()  # black and white: half of the noise leaves [0, 1]
    noise = Gaussian(0.5)(x, Linf(1e-3), generator()) - x
    assert 0.48 < float(noise.std()) < 0.52
    assert float(noise.abs().max()) > 1
    assert (x + noise).min() < -1
    assert math.isclose(float(Gaussian()(x, Linf(0.1), generator()).sub(x).std()), 0.001, rel_tol=0.05)


@pytest.mark.parametrize("start", [Zero(), Uniform(), Uniform(clip=False), Gaussian(0.01)], ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_starts_keep_shape_and_type_and_repeat(start: Start, dtype: torch.dtype) -> None:
    x = images(2, 1, 3, 7, dtype=dtype)
    first = start(x, L2(0.5), generator(4))
    assert first.shape == x.shape and first.dtype == dtype
    assert torch.equal(first, start(x, L2(0.5), generator(4)))
    assert torch.equal(first, start(x, L2(0.5), generator(5))) == (start == Zero())


@pytest.mark.parametrize("std", [0.0, -1.0, math.nan, math.inf])
def test_gaussian_requires_a_deviation(std: float) -> None:
    with pytest.raises(ValueError, match=rf"Gaussian requires a positive, finite std. Found: {std}. Zero\(\)"):
        Gaussian(std)
