"""Goodfellow, Shlens, Szegedy: Explaining and Harnessing Adversarial Examples. ICLR 2015, arXiv 1412.6572.

x' = clip_[0,1]( x + radius * steepest(grad loss(x)) )
"""

from __future__ import annotations

from torch import Generator

from robustill.attacks.base import Attack, Loss, gradient_of
from robustill.attacks.budgets import Budget
from robustill.attacks.starts import Start, Zero
from robustill.types import Images


class FGSM(Attack):
    """One step of the whole radius along the steepest ascent at the image itself.

    Attributes:
        budget: the ball to search. For Linf the step is the sign of the gradient; for L1 it drives the pixel values of
            largest gradient to black or white, one after the other, as far as the radius goes.
    """

    budget: Budget
    start = Zero()  # no field: it is always so

    def maximize(
        self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
    ) -> Images:
        x = x.detach()
        return self.budget.ascend(x, x, gradient_of(loss, x), self.budget.radius)
