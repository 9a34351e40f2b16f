"""The projection onto an L1 ball and the pixels at once, against bisection in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from robustill.attacks import L1
from robustill.attacks.l1_box import project_l1_box
from tests.networks import images

RADIUS = 2.0
both_precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def brute_force(delta: Tensor, x: Tensor, radius: float) -> Tensor:
    """One image and one bisection at a time, on the definition."""
    results = []
    for d, p in zip(delta.double(), x.double(), strict=True):
        room = torch.where(d > 0, 1 - p, p)
        low, high = 0.0, float(d.abs().max())
        if torch.minimum(d.abs(), room).sum() <= radius:
            high = 0.0
        for _ in range(200):
            t = (low + high) / 2
            if torch.minimum((d.abs() - t).clamp_min(0), room).sum() > radius:
                low = t
            else:
                high = t
        results.append(d.sign() * torch.minimum((d.abs() - high).clamp_min(0), room))
    return torch.stack(results).to(delta.dtype)


def case(scale: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x = images(12, 2, 5, 4, dtype=dtype)
    x[0, 0] = x[0, 0].round()  # no room on one side
    x[1] = 0
    delta = scale * (images(12, 2, 5, 4, seed=1, dtype=dtype) - 0.5)
    delta[2, 0, :2] = delta[2, 0, 0, 0]  # ties
    delta[3] = 0
    return delta, x


@both_precisions
@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 5.0, 1000.0])
def test_it_is_the_nearest_point(scale: float, dtype: torch.dtype) -> None:
    delta, x = case(scale, dtype)
    rounding = 1e-6 + scale * torch.finfo(dtype).eps
    found, exact = project_l1_box(delta, x, RADIUS), brute_force(delta, x, RADIUS)
    torch.testing.assert_close(found, exact, rtol=0, atol=rounding)


@both_precisions
@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 5.0, 1000.0])
def test_it_lands_in_both_and_stays_there(scale: float, dtype: torch.dtype) -> None:
    delta, x = case(scale, dtype)
    z = project_l1_box(delta, x, RADIUS)
    assert (L1(RADIUS).norm(z) <= RADIUS * (1 + 1e-6)).all()
    assert (x + z).min() >= 0 and (x + z).max() <= 1
    torch.testing.assert_close(project_l1_box(z, x, RADIUS), z, rtol=0, atol=1e-6)


@both_precisions
def test_a_point_in_both_is_unchanged(dtype: torch.dtype) -> None:
    _, x = case(1.0, dtype)
    delta = 0.02 * (0.5 - x)  # towards grey
    assert torch.equal(project_l1_box(delta, x, RADIUS), delta)


def test_away_from_the_border_it_is_the_projection_of_the_budget() -> None:
    delta = images(5, 1, 6, 6) - 0.5
    x = torch.full_like(delta, 0.5)
    torch.testing.assert_close(project_l1_box(delta, x, RADIUS), L1(RADIUS).project(delta), rtol=0, atol=1e-6)
