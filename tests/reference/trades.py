"""TRADES: S(x) afresh in each inner step; three outer forwards, S(x), S(x'), S(x); the target is not detached."""

from __future__ import annotations

from torch import Tensor, nn

from tests.reference.common import ascend, batchmean, cross_entropy, divergence


def step(
    student: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    epsilon: float,
    step_size: float,
    steps: int,
    beta: float,
) -> Tensor:
    student.eval()
    x_adv = ascend(
        lambda image: divergence(student(x), student(image)).sum(),
        x,
        x + noise,
        epsilon=epsilon,
        step_size=step_size,
        steps=steps,
    )
    student.train()
    natural = cross_entropy(student(x), y)
    adversarial = student(x_adv)
    target = student(x)
    return natural + beta * batchmean(divergence(target, adversarial))
