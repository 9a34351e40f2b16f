"""What is measured of a teacher: its predictions, and under one attack its accuracy and its linearity together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from robustill.attacks import Attack, Budget, frozen
from robustill.component import in_full
from robustill.evaluation import Measurement, remainder_proportion
from robustill.evaluation.judge import judge
from robustill.types import Images, Labels

LINEAR = 0.05
"""The remainder above which a teacher is called not locally linear; the paper's robust teachers have 0.012 to 0.016."""


@dataclass(frozen=True)
class Predictions(Measurement):
    """``prediction``: the class with the highest logit."""

    name: str = "clean"
    text: str = "Clean()"
    passes: float = 1

    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        with frozen(model), torch.no_grad():
            logits = model(x)
        if not logits.isfinite().all():
            raise ValueError("A teacher must give finite logits. Found NaN or infinity on images as they are.")
        return {"prediction": logits.argmax(1)}


@dataclass(frozen=True)
class Attacked(Measurement):
    """``prediction``; ``correct`` under an attack; the remainder under ``uniform`` noise and ``along`` the attack."""

    attack: Attack
    budget: Budget
    name: str = "attacked"

    @property
    def text(self) -> str:
        return in_full(self.attack)

    @property
    def passes(self) -> float:
        # The prediction, the attack, its verdict, and for each remainder two forwards and two backwards
        return 2 * getattr(self.attack, "steps", 0) + 10

    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        noise = self.budget.uniform(x, generator)
        x_adv = self.attack(model, x, y, generator=generator)
        return Predictions()(model, x, y, generator) | {
            "correct": judge(model, self.attack, x, x_adv, y),
            "uniform": remainder_proportion(model, x, noise),
            "along": remainder_proportion(model, x, x_adv - x),
        }
