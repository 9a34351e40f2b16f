"""The nearest point of a hyperplane in the pixels: it lies on it, in [0, 1], and nothing nearer does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from robustill.attacks import L1, L2, Budget, Linf
from robustill.attacks.hyperplane import nearest_on_hyperplane

every_budget = pytest.mark.parametrize("budget", [Linf(0.1), L2(0.1), L1(0.1)], ids=repr)


def case(rows: int = 30, pixels: int = 60) -> tuple[Tensor, Tensor, Tensor]:
    """Points, normals and offsets of half of what the box allows at most, on both sides."""
    generator = torch.Generator().manual_seed(0)
    point = torch.rand(rows, pixels, generator=generator, dtype=torch.float64)
    normal = torch.randn(rows, pixels, generator=generator, dtype=torch.float64)
    point[0, ::2] = point[0, ::2].round()
    normal[1, ::3] = 0
    normal[2, 5:25] = 0.75  # ties
    side = torch.where(torch.arange(rows) % 2 == 0, 1.0, -1.0).double()
    toward = normal * side[:, None]
    most = (toward.clamp_min(0) * point + (-toward).clamp_min(0) * (1 - point)).sum(1)
    share = torch.rand(rows, generator=generator, dtype=torch.float64)
    return point, normal, side * most * share


def length(d: Tensor, budget: Budget) -> Tensor:
    return budget.norm(d[:, None, None])


@every_budget
def test_it_lies_on_the_hyperplane_and_in_the_pixels(budget: Budget) -> None:
    point, normal, offset = case()
    d = nearest_on_hyperplane(point, normal, offset, budget)
    torch.testing.assert_close((normal * d).sum(1), -offset, rtol=0, atol=1e-9)
    assert (point + d).min() >= -1e-12 and (point + d).max() <= 1 + 1e-12


@every_budget
def test_nothing_nearer_lies_on_it(budget: Budget) -> None:
    """The greatest gain that a length allows in the box is found by bisection of a multiplier, and is no greater."""
    point, normal, offset = case()
    toward = normal * offset.sign()[:, None]
    room, heavy = torch.where(toward > 0, point, 1 - point), toward.abs()
    reach = length(nearest_on_hyperplane(point, normal, offset, budget), budget)[:, None]
    if isinstance(budget, Linf):
        best = torch.minimum(reach, room)
    else:
        low, high = torch.zeros_like(reach), torch.full_like(reach, 1e6)
        for _ in range(200):
            t = (low + high) / 2
            moved = torch.minimum(heavy * t, room) if isinstance(budget, L2) else room * (heavy > 1 / t)
            fits = length(moved, budget)[:, None] <= reach
            low, high = torch.where(fits, t, low), torch.where(fits, high, t)
        best = torch.minimum(heavy * low, room) if isinstance(budget, L2) else room * (heavy > 1 / low)
    gain = (heavy * best).sum(1)
    if isinstance(budget, L1):  # the rest of the length buys at most the weight at which bisection stopped
        gain = gain + (reach - length(best, budget)[:, None]).squeeze(1) / high.squeeze(1)
    torch.testing.assert_close(gain, offset.abs(), rtol=1e-6, atol=1e-6)


@every_budget
def test_without_borders_it_is_the_dual_norm(budget: Budget) -> None:
    _, normal, offset = case()
    point, offset = torch.full_like(normal, 0.5), offset / 1000
    d = nearest_on_hyperplane(point, normal, offset, budget)
    order = {Linf: 1.0, L2: 2.0, L1: torch.inf}[type(budget)]
    dual = torch.linalg.vector_norm(normal, ord=order, dim=1)
    torch.testing.assert_close(length(d, budget), offset.abs() / dual)


@every_budget
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_out_of_reach_it_is_the_nearest_corner(budget: Budget, dtype: torch.dtype) -> None:
    point, normal, offset = (tensor.to(dtype) for tensor in case())
    d = nearest_on_hyperplane(point, normal, 1000 * offset.sign(), budget)
    corner = (normal * offset.sign()[:, None] < 0).to(dtype)
    moved = normal != 0
    torch.testing.assert_close((point + d)[moved], corner[moved])
    assert not d[~moved].any()


@every_budget
def test_single_precision_finds_the_same_point(budget: Budget) -> None:
    point, normal, offset = case(pixels=500)
    exact = nearest_on_hyperplane(point, normal, offset, budget)
    rounded = nearest_on_hyperplane(point.float(), normal.float(), offset.float(), budget)
    if isinstance(budget, L1):  # among equal weights any order is as near
        torch.testing.assert_close(length(rounded.double(), budget), length(exact, budget), rtol=1e-5, atol=1e-6)
    else:
        torch.testing.assert_close(rounded.double(), exact, rtol=0, atol=1e-5)


@every_budget
def test_what_is_no_number_comes_to_an_end(budget: Budget) -> None:
    point, normal, offset = case()
    offset[0] = torch.nan
    d = nearest_on_hyperplane(point, normal, offset, budget)
    assert d[1:].isfinite().all()


@every_budget
def test_an_offset_finer_than_the_pixels(budget: Budget) -> None:
    """As the logits of a float64 network on float32 images give it."""
    point, normal, offset = case()
    d = nearest_on_hyperplane(point.float(), normal.float(), offset, budget)
    assert d.dtype == torch.float32
    torch.testing.assert_close((normal * d).sum(1), -offset, rtol=0, atol=1e-4)
