"""Which images stay correct under an adversary."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from robustill.attacks import APGD, FGSM, Adversary, Ascent, AutoAttack, Square, TargetedAPGD, TargetedFAB, frozen
from robustill.data.batches import in_order
from robustill.data.seeds import generator
from robustill.data.split import Split
from robustill.types import Images

TOLERANCE = 1e-6
"""By how much, relatively, rounding may carry a perturbation over its radius."""


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

    What the adversary returns is checked: shape, finite, in [0, 1], within the adversary's budget.
    ``advance`` is told after each batch how many passes through the model (see :func:`passes`) were made.

    Raises:
        ValueError: the adversary broke its rules, or the model's output is not finite.
    """
    device = next(model.parameters()).device
    flags = []
    for step, (x, y) in enumerate(in_order(split.to(device), batch_size)):
        x_adv = adversary(model, x, y, generator=generator(seed, "evaluate", step, device=device))
        _check(adversary, x, x_adv)
        with frozen(model), torch.no_grad():
            logits = model(x_adv)
        if not logits.isfinite().all():
            raise ValueError(
                f"The model must give finite logits. Found NaN or infinity in batch {step} under {adversary}."
            )
        flags.append(logits.argmax(1) == y)
        if advance is not None:
            advance(len(x) * passes(adversary))
    return torch.cat(flags).cpu()


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
        case AutoAttack():
            return 1 + sum(map(passes, adversary.attacks(classes=10).values()))
    return 2 * getattr(adversary, "steps", 0) + 1


def _check(adversary: Adversary, x: Images, x_adv: Images) -> None:
    if not x_adv.isfinite().all():
        raise ValueError(
            f"{adversary} must return finite images. Found NaN or infinity: are the model's logits finite?"
        )
    if x_adv.shape != x.shape or x_adv.min() < 0 or x_adv.max() > 1:
        raise ValueError(f"{adversary} must return images in [0, 1] of the shape it was given.")
    searcher = adversary.attack if isinstance(adversary, Ascent) else adversary
    budget = getattr(searcher, "budget", None)
    if budget is not None:
        worst = float(budget.norm(x_adv - x).max())
        if worst > budget.radius * (1 + TOLERANCE) + 1e-7:
            raise ValueError(f"{adversary} left its budget {budget}: a perturbation has norm {worst}.")
