"""Croce, Hein: Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack.
ICML 2020, arXiv 1907.02044: FAB, targeted, as the standard AutoAttack runs it.

It looks for the nearest adversarial example. With f = z_t - z_y, linear around x', and d(p) the way from p to where
that linear function is zero, inside [0, 1]:

    a  <- min( ‖d(x')‖ / (‖d(x')‖ + ‖d(x)‖), 0.1 )
    x' <- clip_[0,1]( (1 - a) (x' + 1.05 d(x')) + a (x + 1.05 d(x)) )            overshooting, biased towards the image
    x' <- x + 0.9 (x' - x)   if the model errs at x'                             back towards the image
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from robustill.attacks.base import Adversary, frozen
from robustill.attacks.budgets import Budget
from robustill.attacks.hyperplane import nearest_on_hyperplane
from robustill.attacks.losses import TargetedMargin
from robustill.attacks.search import Mask, Rows, Search, classify, column, conquer
from robustill.precision import at_least_float32
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
        if self.steps < 1 or self.targets < 1:
            raise ValueError(
                "TargetedFAB requires at least 1 step and 1 target. "
                f"Found: steps={self.steps}, targets={self.targets}."
            )

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        """Draws nothing: the search starts at the image."""
        with frozen(model):
            x = x.detach()
            likeliest = classify(model, x).sort(dim=1).indices.flip(1)

            def towards(target: Labels) -> Search:
                return lambda rows: _run(model, x[rows], y[rows], target[rows], self.budget, self.steps)

            targets = likeliest[:, 1 : self.targets + 1].unbind(1)
            return conquer(x, likeliest[:, 0] == y, map(towards, targets))


def _run(
    model: nn.Module, x: Images, y: Labels, target: Labels, budget: Budget, steps: int
) -> tuple[Images, Mask]:
    """One search: the adversarial example within the budget of each image, and for which there is one.

    An image leaves the search once it has one. A point that is not adversarial is where the next gradient is taken, so
    its logits serve both; the others are looked at again after their way back.
    """
    found, fooled = x.clone(), torch.zeros(len(x), dtype=torch.bool, device=x.device)
    rows = torch.arange(len(x), device=x.device)
    x_adv = x
    with torch.enable_grad():
        view = _View(model, x_adv, y, target)
    for step in range(steps):
        value, gradient = view.linearise()
        x_adv = _towards_boundary(x, view.x, value, gradient, budget)
        ...
    return found, fooled
