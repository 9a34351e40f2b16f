"""Natural training and distillation on clean images: one forward, no attack. IGDM's term brings one of its own."""

from __future__ import annotations

from torch import Tensor, nn

from tests.reference.common import cross_entropy, evaluated
from tests.reference.inner import labels_attack, softened, with_igdm


def natural(student: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(student(x), y)


def kd(student: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, *, alpha: float, temperature: float) -> Tensor:
    logits = student(x)
    soft = softened(evaluated(teacher, x), logits, temperature)
    return alpha * soft + (1 - alpha) * cross_entropy(logits, y)


def natural_with_igdm(
    student: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, *, noise: Tensor, weight: float, **settings: float
) -> Tensor:
    x_adv = labels_attack(student, x, y, noise, train_mode=False, clip=True, **settings)
    return with_igdm(natural(student, x, y), student, teacher, x, x_adv, student(x_adv), weight)


def kd_with_igdm(
    student: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, *, noise: Tensor, weight: float, **settings: float
) -> Tensor:
    x_adv = labels_attack(student, x, y, noise, train_mode=False, clip=True, **settings)
    loss = kd(student, teacher, x, y, alpha=1.0, temperature=30.0)
    return with_igdm(loss, student, teacher, x, x_adv, student(x_adv), weight)
