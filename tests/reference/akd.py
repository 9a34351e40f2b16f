"""AKD: the cross-entropy of S(x') with the label mixed with the teacher's prediction. Outer forward: S(x')."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.reference.common import evaluated
from tests.reference.inner import labels_attack, with_igdm


def step(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    alpha: float,
    clean: bool,
    weight: float = 0.0,
    **settings: float,
) -> Tensor:
    x_adv = labels_attack(student, x, y, noise, train_mode=False, clip=True, **settings)
    logits = student(x_adv)
    one_hot = torch.zeros_like(logits)
    one_hot[torch.arange(len(y)), y] = 1
    soft = alpha * torch.softmax(evaluated(teacher, x if clean else x_adv), 1) + (1 - alpha) * one_hot
    loss = -(soft * torch.log(torch.softmax(logits, 1))).sum(1).mean()
    return with_igdm(loss, student, teacher, x, x_adv, logits, weight)
