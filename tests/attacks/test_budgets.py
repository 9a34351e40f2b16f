"""Budgets: each is a ball, a projection onto it, the direction that rises fastest in it, and noise from it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from robustill.attacks import L1, L2, Budget, Linf
from tests.networks import images

BUDGETS = [Linf(8 / 255), Linf(0.5), L2(128 / 255), L2(3.0), L1(12), L1(0.7)]
DTYPES = [torch.float32, torch.float64]
every_budget = pytest.mark.parametrize("budget", BUDGETS, ids=repr)
every_direction = pytest.mark.parametrize("budget", [b for b in BUDGETS if isinstance(b, Linf | L2)], ids=repr)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

ORDER = {Linf: math.inf, L2: 2, L1: 1}
DUAL = {Linf: 1, L2: 2, L1: math.inf}
"""The order of the dual norm: the largest <d, g> over d of norm 1."""


def norm(delta: Tensor, order: float) -> Tensor:
    """PyTorch's own norm of each image."""
    lengths: Tensor = torch.linalg.vector_norm(delta, ord=order, dim=(1, 2, 3))
    return lengths


def inner(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2, 3))


def of_norm(budget: Budget, share: float, dtype: torch.dtype, shape: tuple[int, ...] = (5, 3, 4, 4)) -> Tensor:
    """Random perturbations whose norm is ``share`` of the radius."""
    delta = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)
    return delta * (share * budget.radius / norm(delta, ORDER[type(budget)]))[:, None, None, None]


def tolerance(dtype: torch.dtype) -> float:
    return 1e-5 if dtype == torch.float32 else 1e-12


@every_budget
@every_dtype
def test_the_norm_is_the_norm(budget: Budget, dtype: torch.dtype) -> None:
    delta = torch.randn(4, 2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=dtype)
    torch.testing.assert_close(budget.norm(delta), norm(delta, ORDER[type(budget)]))
    assert budget.norm(torch.zeros(2, 1, 1, 1, dtype=dtype)).tolist() == [0, 0]


@every_budget
@every_dtype
def test_points_inside_are_unchanged(budget: Budget, dtype: torch.dtype) -> None:
    for share in (0.0, 1e-6, 0.5, 0.999):
        delta = of_norm(budget, share, dtype)
        assert torch.equal(budget.project(delta), delta)


@every_budget
@every_dtype
def test_points_on_the_ball_stay(budget: Budget, dtype: torch.dtype) -> None:
    delta = of_norm(budget, 1.0, dtype)
    torch.testing.assert_close(budget.project(delta), delta, rtol=tolerance(dtype), atol=tolerance(dtype))


@every_budget
@every_dtype
@pytest.mark.parametrize("share", [1.001, 1.5, 30.0])
def test_points_outside_go_to_the_nearest_point_of_the_ball(budget: Budget, dtype: torch.dtype, share: float) -> None:
    """p is the projection of z onto a ball exactly if it lies in it and <z - p, p> = radius · dual norm of z - p."""
    delta = of_norm(budget, share, dtype)
    projected = budget.project(delta)
    assert (norm(projected, ORDER[type(budget)]) <= budget.radius * (1 + tolerance(dtype))).all()
    residual = delta - projected
    support = budget.radius * norm(residual, DUAL[type(budget)])
    scale = float(delta.norm() * budget.radius)
    torch.testing.assert_close(inner(residual, projected), support, rtol=0, atol=tolerance(dtype) * scale)
    assert (norm(residual, 2) > 0).all()


@every_budget
@every_dtype
def test_projecting_twice_is_projecting_once(budget: Budget, dtype: torch.dtype) -> None:
    once = budget.project(of_norm(budget, 4.0, dtype))
    torch.testing.assert_close(budget.project(once), once, rtol=tolerance(dtype), atol=tolerance(dtype))


@every_budget
def test_every_image_is_projected_by_itself(budget: Budget) -> None:
    delta = torch.cat([of_norm(budget, share, torch.float64) for share in (0.3, 1.0, 9.0)])
    alone = torch.cat([budget.project(delta[i : i + 1]) for i in range(len(delta))])
    torch.testing.assert_close(budget.project(delta), alone, rtol=0, atol=0)


@every_dtype
@pytest.mark.parametrize("shape", [(3, 1, 1, 1), (4, 1, 2, 3), (2, 3, 8, 8)])
def test_l1_projection_is_soft_thresholding_with_the_threshold_found_by_bisection(
    dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    for radius, share in ((0.25, 1.01), (1.0, 3.0), (12.0, 40.0)):
        delta = of_norm(L1(radius), share, dtype, shape)
        expected = [_shrunk(image.double(), radius) for image in delta]
        torch.testing.assert_close(
            L1(radius).project(delta).double(), torch.stack(expected), rtol=0, atol=radius * tolerance(dtype)
        )


def _shrunk(image: Tensor, radius: float) -> Tensor:
    low, high = 0.0, float(image.abs().max())
    for _ in range(200):
        middle = (low + high) / 2
        too_long = float((image.abs() - middle).clamp_min(0).sum()) > radius
        low, high = (middle, high) if too_long else (low, middle)
    return image.sign() * (image.abs() - high).clamp_min(0)


def test_l1_projection_of_equal_entries_and_of_a_single_large_one() -> None:
    equal = L1(1.0).project(torch.full((1, 1, 2, 2), -3.0))
    torch.testing.assert_close(equal, torch.full((1, 1, 2, 2), -0.25))
    single = torch.zeros(1, 1, 2, 2)
    single[0, 0, 1, 0] = 7.0
    torch.testing.assert_close(L1(1.0).project(single), single / 7)


@every_direction
@every_dtype
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_the_steepest_direction_has_norm_one_and_reaches_the_dual_norm(
    budget: Linf | L2, dtype: torch.dtype, scale: float
) -> None:
    """Also where the square of a gradient underflows or overflows: float32 ends at 1e-45 and at 3e38."""
    gradient = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(2), dtype=dtype) * scale
    direction = budget.steepest(gradient)
    ones = torch.ones(4, dtype=torch.float64)
    torch.testing.assert_close(norm(direction, ORDER[type(budget)]).double(), ones, rtol=tolerance(dtype), atol=0)
    reached = inner(direction.double(), gradient.double())
    torch.testing.assert_close(reached, norm(gradient.double(), DUAL[type(budget)]), rtol=tolerance(dtype), atol=0)


@every_budget
@every_dtype
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, 3.0], ids="from {} radii".format)
def test_a_step_ends_in_the_ball_and_in_the_pixels_wherever_it_began(
    budget: Budget, dtype: torch.dtype, share: float
) -> None:
    x = images(5, 3, 4, 4, dtype=dtype)
    x[:, :, 0] = x[:, :, 0].round()  # black and white
    gradient = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=dtype)
    x_adv = budget.ascend(x, x + of_norm(budget, share, dtype), gradient, budget.radius / 2)
    assert x_adv.min() >= 0 and x_adv.max() <= 1
    assert budget.holds(x_adv - x).all() and x_adv.dtype == dtype


@every_budget
@every_dtype
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_a_short_step_in_the_open_rises_by_its_length_times_the_dual_norm(
    budget: Budget, dtype: torch.dtype, scale: float
) -> None:
    x = torch.full((4, 3, 4, 4), 0.5, dtype=dtype)
    gradient = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=dtype) * scale
    size = budget.radius / 64
    rise = inner((budget.ascend(x, x, gradient, size) - x).double(), gradient.double())
    dual = norm(gradient.double(), DUAL[type(budget)])
    torch.testing.assert_close(rise, size * dual, rtol=1e-3 if dtype == torch.float32 else 1e-12, atol=0)


@every_budget
def test_subnormal_gradients_still_have_a_direction(budget: Budget) -> None:
    x = torch.full((1, 1, 2, 2), 0.5)
    moved = budget.ascend(x, x, torch.full_like(x, 1e-44), budget.radius / 8) - x
    torch.testing.assert_close(budget.norm(moved), torch.full((1,), budget.radius / 8), rtol=1e-5, atol=0)


@every_budget
@every_dtype
def test_a_zero_gradient_moves_nothing(budget: Budget, dtype: torch.dtype) -> None:
    x, gradient = torch.full((2, 1, 3, 3), 0.5, dtype=dtype), torch.zeros(2, 1, 3, 3, dtype=dtype)
    gradient[1, 0, 2, 1] = -2.0
    moved = budget.ascend(x, x, gradient, budget.radius / 8)
    assert torch.equal(moved[0], x[0])
    assert moved[1, 0, 2, 1] < 0.5 and (moved[1] == 0.5).sum() == 8  # the other image keeps its own


GRID = torch.cartesian_prod(*3 * [torch.arange(-8.0, 9.0) / 8])
"""Every way to change three pixel values by eighths; linear problems whose data are eighths have their optimum here."""


def _best(gradient: Tensor, allowed: Tensor) -> float:
    return float((GRID[allowed] @ gradient).max())


def _eighths(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """An image of three pixel values in eighths, its perturbation, a gradient."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(9, (3,), generator=generator) / 8
    delta = torch.randint(9, (3,), generator=generator) / 8 - x
    return x, delta, torch.randn(3, generator=generator)


def _ascend(x: Tensor, delta: Tensor, gradient: Tensor, *, radius: float, size: float) -> Tensor:
    image, x_adv, slope = (t.view(1, 1, 1, 3) for t in (x, x + delta, gradient))
    return (L1(radius).ascend(image, x_adv, slope, size) - image).flatten()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [1 / 8, 5 / 8, 10 / 8])
def test_an_l1_step_is_the_best_of_its_length_within_the_pixels(seed: int, size: float) -> None:
    x, delta, gradient = _eighths(seed)
    inside = ((x + delta + GRID >= 0) & (x + delta + GRID <= 1)).all(1)
    best = _best(gradient, inside & (GRID.abs().sum(1) <= size))
    moved = _ascend(x, delta, gradient, radius=9.0, size=size) - delta
    assert moved.abs().sum() <= size + 1e-6
    assert float(moved @ gradient) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("radius", [1 / 8, 5 / 8, 10 / 8])
def test_an_l1_step_gives_back_what_gains_least(seed: int, radius: float) -> None:
    """Nothing to spend: what is left is the best part of the perturbation that fits the ball."""
    x, delta, gradient = _eighths(seed)
    part = ((GRID * delta >= 0) & (GRID.abs() <= delta.abs())).all(1)
    kept = _ascend(x, delta, gradient, radius=radius, size=0.0)
    assert kept.abs().sum() <= radius + 1e-6
    if delta.abs().sum() <= radius:
        assert torch.equal(kept, delta)
    else:
        exactly = (GRID.abs().sum(1) - radius).abs() < 1e-6
        assert float(kept @ gradient) == pytest.approx(_best(gradient, part & exactly), abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("radius", [1 / 8, 5 / 8, 10 / 8])
def test_l1_steps_on_a_linear_loss_come_to_the_best_point_of_ball_and_pixels_and_stay(seed: int, radius: float) -> None:
    x, delta, gradient = _eighths(seed)
    inside = ((x + GRID >= 0) & (x + GRID <= 1)).all(1)
    best = _best(gradient, inside & (GRID.abs().sum(1) <= radius))
    for _ in range(3 * 8):
        delta = _ascend(x, delta, gradient, radius=radius, size=1 / 8)
    assert float(delta @ gradient) == pytest.approx(best, abs=1e-6)
    torch.testing.assert_close(_ascend(x, delta, gradient, radius=radius, size=1 / 8), delta)


@every_budget
@every_dtype
def test_what_rounding_carries_out_of_the_ball_is_still_held(budget: Budget, dtype: torch.dtype) -> None:
    x = images(5, 3, 4, 4, dtype=dtype)
    assert budget.holds((x + of_norm(budget, 1.0, dtype)) - x).all()
    assert not budget.holds(of_norm(budget, 1.0001, dtype)).any()


def test_in_l1_the_roundings_of_all_pixels_add_up() -> None:
    budget, shape = L1(0.5), (64, 3, 32, 32)
    x = images(*shape)
    there_and_back = (x + of_norm(budget, 1.0, x.dtype, shape)) - x
    assert budget.norm(there_and_back).max() > budget.radius + 1e-6  # more than one pixel's
    assert budget.holds(there_and_back).all()
    assert not budget.holds(of_norm(budget, 1.001, x.dtype, shape)).any()


@every_budget
@every_dtype
def test_noise_lies_in_the_ball_and_depends_on_the_generator_alone(budget: Budget, dtype: torch.dtype) -> None:
    x = images(50, 3, 4, 4, dtype=dtype)
    noise = budget.uniform(x, torch.Generator().manual_seed(0))
    assert noise.shape == x.shape and noise.dtype == dtype
    assert (budget.norm(noise) <= budget.radius * (1 + tolerance(dtype))).all()
    assert torch.equal(noise, budget.uniform(x + 1, torch.Generator().manual_seed(0)))
    assert not torch.equal(noise, budget.uniform(x, torch.Generator().manual_seed(1)))
    torch.manual_seed(5)
    first = budget.uniform(x)
    torch.manual_seed(5)
    assert torch.equal(first, budget.uniform(x))


VARIANCE = {Linf: lambda d: 1 / 3, L2: lambda d: 1 / (d + 2), L1: lambda d: 2 / ((d + 1) * (d + 2))}
"""Of one coordinate of a point drawn uniformly from the ball of radius 1 in d dimensions."""


@every_budget
def test_noise_is_uniform_in_the_ball(budget: Budget) -> None:
    """The share of the volume within the drawn norm is uniform on [0, 1], and no coordinate or sign is preferred."""
    count, dimensions = 20_000, 6
    x = torch.zeros(count, 1, 2, 3, dtype=torch.float64)
    noise = budget.uniform(x, torch.Generator().manual_seed(3))
    share = (budget.norm(noise) / budget.radius) ** dimensions
    expected = torch.arange(1, count + 1, dtype=torch.float64) / count
    assert (share.sort().values - expected).abs().max() < 1.95 / math.sqrt(count)  # Kolmogorov-Smirnov at 0.1 %
    coordinates = noise.flatten(1) / budget.radius
    variance = VARIANCE[type(budget)](dimensions)
    error = 4 / math.sqrt(count)
    assert (coordinates.mean(0).abs() < error * math.sqrt(variance)).all()
    assert ((coordinates.square().mean(0) / variance - 1).abs() < 3 * error).all()
    assert ((coordinates > 0).double().mean(0) - 0.5).abs().max() < error / 2


@pytest.mark.parametrize("kind", [Linf, L2, L1])
@pytest.mark.parametrize("radius", [0.0, -0.1, math.inf, math.nan])
def test_a_radius_must_be_positive_and_finite(kind: type[Budget], radius: float) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__} requires a positive, finite radius. Found: {radius}"):
        kind(radius)


def test_levels_of_255_are_not_pixels() -> None:
    with pytest.raises(ValueError, match=r"Linf requires a radius in pixels of \[0, 1\].*Did you mean Linf\(8/255\)"):
        Linf(8)
    assert Linf(1).radius == 1


def test_a_budget_of_one_norm_is_not_another() -> None:
    budgets: set[Budget] = {Linf(0.5), L2(0.5), L1(0.5), L2(0.5)}
    assert len(budgets) == 3
    assert repr(Linf(8 / 255)) == "Linf(8/255)"


@pytest.mark.parametrize(("budget", "farthest"), [(L2(5.196), "5.196"), (L1(27.0), "27")])
def test_a_ball_that_holds_every_image_is_refused(budget: Budget, farthest: str) -> None:
    budget.require_room(images(2, 3, 3, 3))
    with pytest.raises(ValueError, match=rf"at most {farthest} apart\. Found: .* Did you mean {type(budget).__name__}"):
        type(budget)(128.0).require_room(images(2, 3, 3, 3))
