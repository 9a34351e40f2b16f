"""ARD as in its code (attack in train mode, mean over classes too, S(x) after S(x')), and as in IGDM's code."""

from __future__ import annotations

from torch import Tensor, nn

from tests.reference.common import batchmean, cross_entropy, divergence, elementwise_mean, evaluated, gradient_matching
from tests.reference.inner import labels_attack, with_igdm


def step(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    alpha: float,
    temperature: float = 30.0,
    train_mode: bool = True,
    weight: float = 0.0,
    **settings: float,
) -> Tensor:
    """Outer forwards: S(x'), S(x); then S(x - δ) where IGDM is added."""
    target = evaluated(teacher, x)
    x_adv = labels_attack(student, x, y, noise, train_mode=train_mode, clip=False, **settings)
    adversarial, clean = student(x_adv), student(x)
    soft = elementwise_mean(divergence(target / temperature, adversarial / temperature))
    loss = alpha * temperature * temperature * soft + (1.0 - alpha) * cross_entropy(clean, y)
    return with_igdm(loss, student, teacher, x, x_adv, adversarial, weight)


def step_of_igdm(
    student: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, *, noise: Tensor, weight: float, **settings: float
) -> Tensor:
    """Temperature 1, batchmean, attack in eval mode. Outer forwards: S(x + δ), S(x), S(x - δ); no S(x')."""
    x_adv = labels_attack(student, x, y, noise, train_mode=False, clip=True, **settings)
    delta = x_adv - x
    s_plus, s_clean, s_minus = student(x + delta), student(x), student(x - delta)
    t_plus, t_minus = evaluated(teacher, x + delta), evaluated(teacher, x - delta)
    imitation = batchmean(divergence(evaluated(teacher, x), s_plus)) + 0.0 * cross_entropy(s_clean, y)
    return imitation + weight * gradient_matching(s_plus, s_minus, t_plus, t_minus)
