"""TRADES: S(x) afresh in each inner step; three outer forwards, S(x), S(x'), S(x); the target is not detached."""

from __future__ import annotations

from torch import Tensor, nn

from tests.reference.common import ascend, batchmean, cross_entropy, divergence
from tests.reference.inner import with_igdm


def attack(student: nn.Module, x: Tensor, *, noise: Tensor, **settings: float) -> Tensor:
    student.eval()
    x_adv = ascend(lambda image: divergence(student(x), student(image)).sum(), x, x + noise, **settings)  # type: ignore[arg-type]
    student.train()
    return x_adv


def step(student: nn.Module, x: Tensor, y: Tensor, *, noise: Tensor, beta: float, **settings: float) -> Tensor:
    x_adv = attack(student, x, noise=noise, **settings)
    natural = cross_entropy(student(x), y)
    adversarial = student(x_adv)
    target = student(x)
    return natural + beta * batchmean(divergence(target, adversarial))


def step_with_igdm(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    beta: float,
    weight: float,
    **settings: float,
) -> Tensor:
    """IGDM's paper has it, nobody's code does. Outer forwards: S(x), S(x'), S(x - δ)."""
    x_adv = attack(student, x, noise=noise, **settings)
    clean, adversarial = student(x), student(x_adv)
    loss = cross_entropy(clean, y) + beta * batchmean(divergence(clean, adversarial))
    return with_igdm(loss, student, teacher, x, x_adv, adversarial, weight)
