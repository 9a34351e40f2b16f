"""The attacks of the distillation methods, and what IGDM adds to any of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.reference.common import ascend, batchmean, divergence, evaluated, gradient_matching


def labels_attack(
    student: nn.Module, x: Tensor, y: Tensor, noise: Tensor, *, train_mode: bool, clip: bool, **settings: float
) -> Tensor:
    """Ascends the cross-entropy; in train mode each of its forwards moves the running statistics."""
    student.train(train_mode)
    start = (x + noise).clamp(0, 1) if clip else x + noise
    rows = torch.arange(len(y))
    x_adv = ascend(lambda image: -torch.log(torch.softmax(student(image), 1)[rows, y]).sum(), x, start, **settings)  # type: ignore[arg-type]
    student.train()
    return x_adv


def teacher_attack(student: nn.Module, teacher: nn.Module, x: Tensor, noise: Tensor, **settings: float) -> Tensor:
    """AdaAD's: ascends the divergence from T(x') to S(x'), through both."""
    student.eval()
    x_adv = ascend(lambda image: divergence(teacher(image), student(image)).sum(), x, x + noise, **settings)  # type: ignore[arg-type]
    student.train()
    return x_adv


def with_igdm(
    loss: Tensor, student: nn.Module, teacher: nn.Module, x: Tensor, x_adv: Tensor, s_adv: Tensor, weight: float
) -> Tensor:
    """The loss plus IGDM's term at x ± δ, S(x') taken from the method; nothing is evaluated for a weight of 0."""
    if weight == 0:
        return loss
    minus = x - (x_adv - x)
    matching = gradient_matching(s_adv, student(minus), evaluated(teacher, x_adv), evaluated(teacher, minus))
    return loss + weight * matching


def softened(target: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """T² times the batchmean divergence of softened predictions."""
    return temperature * temperature * batchmean(divergence(target / temperature, logits / temperature))


def true_probability(logits: Tensor, y: Tensor) -> Tensor:
    return torch.softmax(logits, dim=1)[torch.arange(len(y)), y]
