"""Linear networks, for which it is known which images can be broken, and the adversaries that are held against them."""

from __future__ import annotations

import torch
from torch import Tensor

from robustill.attacks import (
    APGD,
    DLR,
    FGSM,
    L1,
    L2,
    PGD,
    Adversary,
    Ascent,
    Budget,
    Linf,
    Margin,
    Square,
    TargetedAPGD,
    TargetedDLR,
    TargetedFAB,
    TargetedMargin,
)
from tests.networks import Linear, images, linear

BUDGETS: list[Budget] = [Linf(0.004), L2(0.02), L1(0.05)]


def searches(budget: Budget, *, classes: int = 5) -> dict[str, Adversary]:
    """Every adversary that looks at logits, small. On linear networks all but Square find what there is."""
    return {
        "fgsm": Ascent(attack=FGSM(budget=budget), loss=Margin()),
        "cw": Ascent(attack=PGD(budget=budget, steps=15, step_size=budget.radius / 3), loss=Margin(), restarts=2),
        "apgd-ce": APGD(budget=budget, steps=15),
        "apgd-dlr": APGD(budget=budget, steps=20, loss=DLR() if classes > 2 else Margin(), restarts=2),
        "apgd-t": TargetedAPGD(budget=budget, steps=20, loss=TargetedMargin() if classes < 4 else TargetedDLR()),
        "fab-t": TargetedFAB(budget=budget, steps=15),
        "square": Square(budget=budget, queries=100),
    }


def case(batch: int, *shape: int, classes: int = 5, seed: int = 0) -> tuple[Linear, Tensor, Tensor]:
    """A linear network, grey images that no budget here drives to black or white, and labels: some are wrong."""
    x = 0.5 + 0.3 * (images(batch, *shape, seed=seed) - 0.5)
    network = linear(classes, x[0].numel(), seed=seed)
    with torch.no_grad():
        network.bias.copy_(-(network.weight * 0.5).sum(1))  # grey itself is undecided, so distances are small
        y = network(x).argmax(1)
    if batch > 3:
        y[::5] = (y[::5] + 1) % classes
    return network, x, y


def distance(network: Linear, x: Tensor, y: Tensor, budget: Budget) -> Tensor:
    """How far each image is from being misclassified, in the budget's norm: margins over dual norms; 0 where it is."""
    order = {Linf: 1.0, L2: 2.0, L1: torch.inf}[type(budget)]
    with torch.no_grad():
        logits, weight = network(x).double(), network.weight.double()
        gaps = logits.gather(1, y[:, None]) - logits
        apart = torch.linalg.vector_norm(weight[y][:, None] - weight[None], ord=order, dim=2)
        ways = torch.where(apart > 0, gaps / apart, torch.inf)
    return ways.amin(1).clamp_min(0)


def stands(network: torch.nn.Module, x_adv: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        correct: Tensor = network(x_adv).argmax(1) == y
    return correct
