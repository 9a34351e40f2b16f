"""What an adversary returns is looked at again: does it keep the rules, and is the model wrong?"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from robustill.attacks import Adversary, frozen
from robustill.evaluation.radius import budget_of
from robustill.types import Images, Labels


def judge(model: nn.Module, adversary: Adversary, x: Images, x_adv: Images, y: Labels) -> Bool[Tensor, " batch"]:
    """Whether the model is right on each attacked image, in one forward of its own.

    Raises:
        ValueError: the adversary broke its rules (shape, finite, in [0, 1], within its budget), or the model's output
            is not finite.
    """
    _require_rules(adversary, x, x_adv)
    with frozen(model), torch.no_grad():
        logits = model(x_adv)
    broken = int((~logits.isfinite().all(1)).sum())
    if broken:
        raise ValueError(
            f"The model must give finite logits. Found NaN or infinity on {broken} of {len(x)} images "
            f"under {adversary}."
        )
    right: Tensor = logits.argmax(1) == y
    return right


def require_pixels(x: Images) -> None:
    """Refuses images that are not in [0, 1].

    Raises:
        ValueError: says in which range they are.
    """
    if not (x.min() >= 0 and x.max() <= 1):  # NaN is in no range
        raise ValueError(
            f"Images must be in [0, 1]. Found: values from {float(x.min()):.3g} to {float(x.max()):.3g}. "
            "Divide bytes by 255, and let the model normalise inside."
        )


def _require_rules(adversary: Adversary, x: Images, x_adv: Images) -> None:
    if not x_adv.isfinite().all():
        raise ValueError(
            f"{adversary} must return finite images. Found NaN or infinity: are the logits, and their gradients?"
        )
    if x_adv.shape != x.shape or x_adv.min() < 0 or x_adv.max() > 1:
        raise ValueError(f"{adversary} must return images in [0, 1] of the shape it was given.")
    budget = budget_of(adversary)
    if budget is not None and not budget.holds(x_adv - x).all():
        worst = float(budget.norm(x_adv - x).max())
        raise ValueError(f"{adversary} left its budget {budget}: a perturbation has norm {worst}.")
