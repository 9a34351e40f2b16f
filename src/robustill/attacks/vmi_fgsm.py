"""Wang, He: Enhancing the Transferability of Adversarial Attacks through Variance Tuning. CVPR 2021, arXiv 2103.15571:
VMI-FGSM, made to be found on one network and shown to another (``Transfer``).

    g  <- momentum * g + (grad L(x') + v) / ‖grad L(x') + v‖₁
    v  <- mean over r of grad L(x' + r)  -  grad L(x')              r uniform in the ball of beta times the radius
    x' <- clip_[0,1]( x + project( x' + step_size * steepest(g) - x ) )

The paper's setting in pixels of [0, 255]: Linf of 16, 10 steps of 1.6, 20 samples, beta 1.5, momentum 1. The variance
v after the last step is of no use and not computed.
"""

from __future__ import annotations

import torch
from torch import Generator

from robustill.attacks.base import Attack, Loss, gradient_of
from robustill.attacks.budgets import Budget
from robustill.attacks.search import column
from robustill.attacks.starts import Start, Zero
from robustill.component import write
from robustill.limits import require_steps
from robustill.types import Images


class VMIFGSM(Attack):
    """Momentum over gradients that lean towards their mean in the neighbourhood; starts at the image itself.

    It takes ``steps + (steps - 1) * samples`` gradients.

    Attributes:
        budget: the ball to search.
        steps: how often the image is moved.
        samples: neighbours whose gradients are averaged; 0 is MI-FGSM (Dong et al., CVPR 2018, arXiv 1710.06081).
        beta: how far neighbours may be, in radii.
        momentum: what is kept of the former direction.
        step_size: the length of a step in the budget's norm, in pixels of [0, 1]; None is ``radius / steps``.
    """

    budget: Budget
    steps: int = 10
    samples: int = 20
    beta: float = 1.5
    momentum: float = 1.0
    step_size: float | None = None
    start = Zero()  # no field: it is always so

    def __post_init__(self) -> None:
        require_steps("VMIFGSM", self.steps)
        if self.samples < 0:
            raise ValueError(f"VMIFGSM requires no negative number of samples. Found: samples={self.samples}.")
        if not (0 < self.beta < float("inf") and 0 <= self.momentum < float("inf")):
            raise ValueError(
                "VMIFGSM requires a positive beta and a momentum of at least 0, both finite. "
                f"Found: beta={self.beta}, momentum={self.momentum}."
            )
        diameter = 2 * self.budget.radius
        if self.step_size is not None and not 0 < self.step_size <= diameter:
            raise ValueError(
                f"VMIFGSM requires a positive step_size of at most the ball's diameter, {write(diameter)}. "
                f"Found: {write(self.step_size)}. None is the radius over the steps."
            )

    def maximize(
        self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
    ) -> Images:
        size = self.budget.radius / self.steps if self.step_size is None else self.step_size
        x_adv = x = x.detach()
        direction = variance = torch.zeros_like(x)
        for step in range(self.steps):
            gradient = gradient_of(loss, x_adv)
            direction = self.momentum * direction + _unit(gradient + variance)
            if self.samples and step < self.steps - 1:
                variance = self._neighbourhood(loss, x_adv, generator) - gradient
            x_adv = self.budget.ascend(x, x_adv, direction, size)
        return x_adv

    def _neighbourhood(self, loss: Loss, x_adv: Images, generator: Generator | None) -> Images:
        """The mean gradient around a point; neighbours may leave [0, 1], as the authors' do."""
        total = torch.zeros_like(x_adv)
        for _ in range(self.samples):
            total += gradient_of(loss, x_adv + self.beta * self.budget.uniform(x_adv, generator))
        return total / self.samples


def _unit(gradient: Images) -> Images:
    """Over the sum of its magnitudes; a gradient of zero stays zero."""
    length = column(gradient.flatten(1).abs().sum(1))
    return gradient / length.where(length > 0, 1)
