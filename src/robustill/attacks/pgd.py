"""Madry, Makelov, Schmidt, Tsipras, Vladu: Towards Deep Learning Models Resistant to Adversarial Attacks.
ICLR 2018, arXiv 1706.06083.

    x' <- clip_[0,1]( x + project( x' + step_size * steepest(grad loss(x')) - x ) )

In L1 the steepest step has one pixel value only, and soon no room left in [0, 1]; see ``L1.ascend``.
"""

from __future__ import annotations

from torch import Generator

from robustill.attacks.base import Attack, Loss, gradient_of
from robustill.attacks.budgets import Budget
from robustill.attacks.starts import Start, Uniform
from robustill.component import write
from robustill.limits import require_steps
from robustill.types import Images


class PGD(Attack):
    """Projected gradient ascent, returning the last iterate.

    Clipping to [0, 1] after the projection moves every pixel towards ``x`` and so never leaves the ball.

    Attributes:
        budget: the ball to search.
        steps: how many gradients are taken.
        step_size: the length of a step in the budget's norm, in pixels of [0, 1].
        start: the first point; None is the method's own start, and ``Uniform()`` where there is no method.
    """

    budget: Budget
    steps: int = 10
    step_size: float
    start: Start | None = None

    def __post_init__(self) -> None:
        require_steps("PGD", self.steps)
        if not 0 < self.step_size <= 2 * self.budget.radius:
            raise ValueError(
                f"PGD requires a positive step_size of at most the ball's diameter, {write(2 * self.budget.radius)}. "
                f"Found: {write(self.step_size)}. Pixels are in [0, 1]: two levels of 255 are 2/255."
            )

    def maximize(
        self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
    ) -> Images:
        begin = self.start or start or Uniform()
        x = x.detach()
        x_adv = begin(x, self.budget, generator)
        for _ in range(self.steps):
            x_adv = self.budget.ascend(x, x_adv, gradient_of(loss, x_adv), self.step_size)
        return x_adv
