"""Goodfellow, Shlens, Szegedy: Explaining and Harnessing Adversarial Examples. ICLR 2015, arXiv 1412.6572.

x' = clip_[0,1]( x + radius * steepest(grad loss(x)) )
"""

from __future__ import annotations

import torch
from torch import Generator

from robustill.attacks.base import Attack, Loss
from robustill.attacks.budgets import Budget
from robustill.attacks.starts import Start
from robustill.types import Images


class FGSM(Attack):
    """One step of the whole radius along the steepest ascent at the image itself.

    Attributes:
        budget: the ball to search. For Linf the step is the sign of the gradient; for L1 it is one pixel value.
    """

    budget: Budget

    def maximize(
        self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
    ) -> Images:
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss(x).sum(), x)
        return (x.detach() + self.budget.radius * self.budget.steepest(gradient)).clamp(0, 1)
