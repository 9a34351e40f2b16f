"""Which images stay correct under an adversary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from robustill.attacks import (
    APGD,
    FGSM,
    VMIFGSM,
    Adversary,
    Ascent,
    AutoAttack,
    Budget,
    Reference,
    Square,
    TargetedAPGD,
    TargetedFAB,
    Transfer,
    UniformNoise,
)
from robustill.component import in_full
from robustill.data.split import Split
from robustill.evaluation.batchwise import measure_batches
from robustill.evaluation.judge import judge, require_pixels
from robustill.evaluation.measurement import Measurement
from robustill.evaluation.radius import budget_of
from robustill.types import Images, Labels


@dataclass(frozen=True)
class Under(Measurement):
    """Is an image classified correctly after the adversary changed it?

    Kept as ``correct_NAME``, and for AutoAttack ``broken_by_NAME``: an index into :meth:`stages` of what broke the
    image, -1 for one that stands. What the adversary returns is checked: shape, finite, in [0, 1], within its budget.
    """

    name: str
    adversary: Adversary

    @property
    def text(self) -> str:
        return in_full(self.adversary)

    @property
    def passes(self) -> float:
        return passes(self.adversary)

    @property
    def adversaries(self) -> tuple[Adversary, ...]:
        return (self.adversary,)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        budget = budget_of(self.adversary)
        return () if budget is None else (budget,)

    def stages(self, classes: int) -> tuple[str, ...]:
        """``clean`` and the attacks of an AutoAttack, in order; nothing for any other adversary."""
        return ("clean", *self.adversary.attacks(classes)) if isinstance(self.adversary, AutoAttack) else ()

    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        require_pixels(x)
        if not isinstance(self.adversary, AutoAttack):
            x_adv = self.adversary(model, x, y, generator=generator)
            return {f"correct_{self.name}": judge(model, self.adversary, x, x_adv, y)}
        staged = self.adversary.staged(model, x, y, generator=generator)
        right, broken_by = judge(model, self.adversary, x, staged.images, y), staged.broken_by
        # The last forward has the last word: in another batch than the attack's, rounding may turn a close verdict
        broken_by = torch.where(right, -1, broken_by.where(broken_by >= 0, 0))
        return {f"correct_{self.name}": right, f"broken_by_{self.name}": broken_by.to(torch.int8)}


def correct_under(
    model: nn.Module,
    split: Split,
    adversary: Adversary,
    *,
    batch_size: int = 256,
    seed: int = 0,
    advance: Callable[[float], None] | None = None,
) -> Tensor:
    """One bool per image: is it classified correctly after the adversary changed it?

    ``advance`` is told after each batch how many passes through the model (see :func:`passes`) were made.

    Raises:
        ValueError: the adversary broke its rules, or the model's output is not finite.
    """
    arrays = measure_batches(model, split, Under("", adversary), batch_size=batch_size, seed=seed, advance=advance)
    return torch.from_numpy(arrays["correct_"])


def passes(adversary: Adversary) -> int:
    """Forwards and backwards for each image that withstands, the final forward included."""
    match adversary:
        case FGSM():
            return 3
        case Ascent(attack=attack, restarts=restarts):
            return restarts * passes(attack) + 1
        case APGD(steps=steps, restarts=restarts):
            return 2 * steps * restarts + 1
        case TargetedAPGD(steps=steps, targets=targets) | TargetedFAB(steps=steps, targets=targets):
            return 2 * steps * targets + 1
        case Square(queries=queries):
            return queries + 1
        case VMIFGSM(steps=steps, samples=samples):
            return 2 * (steps + (steps - 1) * samples) + 1
        case Transfer(attack=attack):  # of the surrogate, as if it were as large as the model
            return passes(attack) + 1
        case UniformNoise(draws=draws):
            return draws
        case Reference(attack="square", queries=queries):
            return queries + 1
        case Reference(attack=attack, steps=steps):
            return 2 * steps * (1 if attack == "apgd-ce" else 9) + 1
        case AutoAttack():
            return 1 + sum(map(passes, adversary.attacks(classes=10).values()))
    return 2 * getattr(adversary, "steps", 0) + 1
