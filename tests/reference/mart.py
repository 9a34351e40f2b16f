"""MART: boosted cross-entropy and a consistency weighted by the clean error. Outer forwards: S(x), S(x')."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.reference.common import cross_entropy, divergence
from tests.reference.inner import labels_attack, true_probability, with_igdm


def step(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    beta: float,
    offset: float,
    weight: float = 0.0,
    **settings: float,
) -> Tensor:
    x_adv = labels_attack(student, x, y, noise, train_mode=False, clip=False, **settings)
    clean, adversarial = student(x), student(x_adv)
    probabilities = torch.softmax(adversarial, dim=1)
    others = probabilities.clone()
    others[torch.arange(len(y)), y] = 0
    boosted = cross_entropy(adversarial, y) - torch.log(1 + offset - others.max(dim=1).values).mean()
    error = 1 - true_probability(clean, y)
    robust = (divergence(clean, adversarial).sum(1) * error).mean()
    return with_igdm(boosted + beta * robust, student, teacher, x, x_adv, adversarial, weight)
