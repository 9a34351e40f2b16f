"""Croce, Hein: Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack.
ICML 2020, arXiv 1907.02044: FAB, targeted, as the standard AutoAttack runs it.

It looks for the nearest adversarial example. With f = z_t - z_y, linear around x', and d(p) the way from p to where
that linear function is zero, inside [0, 1]:

    a  <- min( ‖d(x')‖ / (‖d(x')‖ + ‖d(x)‖), 0.1 )
    x' <- clip_[0,1]( (1 - a) (x' + 1.05 d(x')) + a (x + 1.05 d(x)) )            overshooting, biased towards the image
    x' <- x + 0.9 (x' - x)   if the model errs at x'                             back towards the image
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Generator, nn

from robustill.attacks.base import Adversary, frozen
from robustill.attacks.budgets import Budget
from robustill.attacks.hyperplane import nearest_on_hyperplane
from robustill.attacks.losses import TargetedMargin
from robustill.attacks.search import Mask, Search, classify, column, conquer, in_portions, portion_of, slope, targets_of
from robustill.limits import require_steps, require_targets
from robustill.types import Images, Labels, PerSample

BIAS = 0.1
OVERSHOOT = 1.05
BACK = 0.9


class TargetedFAB(Adversary):
    """FAB-T: one search for each of the likeliest wrong classes; an image that withstood comes back as it was.

    Attributes:
        budget: what is found counts if it lies in this ball; a search ends there.
        steps: gradients a target.
        targets: how many wrong classes, the likeliest first; at most all of them.
    """

    budget: Budget
    steps: int = 100
    targets: int = 9

    def __post_init__(self) -> None:
        require_steps("TargetedFAB", self.steps)
        require_targets("TargetedFAB", self.targets)

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        """Draws nothing: the search starts at the image."""
        with frozen(model):
            x = x.detach()
            standing, targets = targets_of(model, x, y, self.targets)

            def towards(target: Labels) -> Search:
                return lambda rows: _run(model, x[rows], y[rows], target[rows], self.budget, self.steps)

            return conquer(x, standing, map(towards, targets))


def _run(model: nn.Module, x: Images, y: Labels, target: Labels, budget: Budget, steps: int) -> tuple[Images, Mask]:
    """One search: the adversarial example within the budget of each image, and for which there is one.

    An image leaves the search once it has one. Most points are adversarial and too far: they go back before the next
    gradient is taken, so the forward that judges a point keeps no graph.
    """
    rows = torch.arange(len(x), device=x.device)
    found, fooled = x.clone(), torch.zeros(len(x), dtype=torch.bool, device=x.device)
    point = x
    for _ in range(steps):
        step = partial(_step, model, budget)
        point, wrong = in_portions(step, x, point, y, target, portion=portion_of(model))
        hit = wrong & (budget.norm(point - x) <= budget.radius)
        if hit.any():
            found[rows[hit]], fooled[rows[hit]] = point[hit], True
            rows, x, y, target, point, wrong = (kept[~hit] for kept in (rows, x, y, target, point, wrong))
            if not len(rows):
                break
        point = torch.where(column(wrong), x + BACK * (point - x), point)
    return found, fooled


def _step(model: nn.Module, budget: Budget, x: Images, point: Images, y: Labels, target: Labels) -> tuple[Images, Mask]:
    """The next point, and where the model errs at it."""
    # f = z_t - z_y and its gradient
    _, value, gradient = slope(model, point, lambda logits, rows: TargetedMargin()(logits, y[rows], target[rows]))
    point = _cross(x, point, value, gradient, budget)
    return point, classify(model, point).argmax(1) != y


def _cross(x: Images, point: Images, value: PerSample, gradient: Images, budget: Budget) -> Images:
    """Over the boundary as it looks from ``point``, by its projections of ``point`` and of ``x``."""
    from_x = value + (gradient * (x - point)).flatten(1).sum(1)
    ways = nearest_on_hyperplane(
        torch.cat([point, x]).flatten(1), torch.cat([gradient, gradient]).flatten(1), torch.cat([value, from_x]), budget
    )
    near, far = ways.view(2, *x.shape)
    length, length_from_x = (budget.norm(way).clamp_min(1e-8) for way in (near, far))
    a = column((length / (length + length_from_x)).clamp(0, BIAS))
    beyond, beyond_x = torch.add(point, near, alpha=OVERSHOOT), torch.add(x, far, alpha=OVERSHOOT)
    return beyond.lerp(beyond_x, a).clamp(0, 1)
