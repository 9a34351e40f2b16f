"""Random noise, the baseline that every attack has to beat."""

from __future__ import annotations

from torch import Generator, nn

from robustill.attacks.base import Adversary, frozen
from robustill.attacks.budgets import Budget
from robustill.attacks.search import classify
from robustill.attacks.starts import Uniform
from robustill.types import Images, Labels


class UniformNoise(Adversary):
    """A point drawn uniformly from the ball and clipped to [0, 1].

    Attributes:
        budget: the ball.
        draws: how many points are tried; the first on which the model errs is kept, and the last where it never does.
            One draw does not ask the model.
    """

    budget: Budget
    draws: int = 1

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"UniformNoise requires at least 1 draw. Found: draws={self.draws}.")

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        noisy = Uniform()
        x_adv = noisy(x.detach(), self.budget, generator)
        with frozen(model):
            for _ in range(self.draws - 1):
                right = classify(model, x_adv).argmax(1) == y
                if not right.any():
                    break
                x_adv[right] = noisy(x.detach()[right], self.budget, generator)
        return x_adv
