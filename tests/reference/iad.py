"""IAD-I and IAD-II as in their code, epochs counted from 0; and IAD-I as in its paper, the teacher's term weighted.

IAD-I: S(x') twice, the second for nothing; S(x) once for the introspection and once for a cross-entropy of weight 0.
IAD-II: T(x') twice, once as the target and once as the guide.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.reference.common import batchmean, cross_entropy, divergence, evaluated
from tests.reference.inner import labels_attack, true_probability, with_igdm

BETA = 0.1


def first(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    epoch: int,
    begin: int,
    temperature: float = 1.0,
    weight: float = 0.0,
    **settings: float,
) -> Tensor:
    """IAD-I. Outer forwards: S(x'), S(x'), S(x) in the early epochs; S(x'), S(x'), S(x), S(x) later."""
    teacher_clean = evaluated(teacher, x)
    x_adv = labels_attack(student, x, y, noise, train_mode=True, clip=False, **settings)
    adversarial = student(x_adv)
    student(x_adv).detach()
    guide = evaluated(teacher, x_adv)
    tau = temperature
    loss = tau * tau * batchmean(divergence(teacher_clean / tau, adversarial / tau))
    if epoch >= begin:
        trust = true_probability(guide, y) ** BETA
        loss = loss + (divergence(student(x), adversarial).sum(1) * (1 - trust)).mean()
    loss = loss + (1.0 - 1.0) * cross_entropy(student(x), y)
    return with_igdm(loss, student, teacher, x, x_adv, adversarial, weight)


def first_of_paper(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    weight: float = 0.0,
    **settings: float,
) -> Tensor:
    """The loss of IAD-I's paper after its beginning. Outer forwards: S(x'), S(x)."""
    x_adv = labels_attack(student, x, y, noise, train_mode=False, clip=True, **settings)
    adversarial, clean = student(x_adv), student(x)
    trust = true_probability(evaluated(teacher, x_adv), y) ** BETA
    imitation = divergence(evaluated(teacher, x), adversarial).sum(1)
    introspection = divergence(clean, adversarial).sum(1)
    loss = (trust * imitation + (1 - trust) * introspection).mean()
    return with_igdm(loss, student, teacher, x, x_adv, adversarial, weight)


def second(
    student: nn.Module,
    teacher: nn.Module,
    natural: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    epoch: int,
    begin: int,
    temperature: float = 1.0,
    weight: float = 0.0,
    **settings: float,
) -> Tensor:
    """IAD-II. Outer forwards: S(x') in the early epochs; S(x'), S(x) later."""
    first_share, second_share, tau = 0.5, 0.25, temperature
    x_adv = labels_attack(student, x, y, noise, train_mode=True, clip=False, **settings)
    adversarial = student(x_adv)
    target = evaluated(teacher, x_adv)
    guide = evaluated(teacher, x_adv)
    robust = divergence(target / tau, adversarial / tau).sum(1)
    standard = batchmean(divergence(evaluated(natural, x_adv) / tau, adversarial / tau))
    if epoch >= begin:
        trust = true_probability(guide, y) ** BETA
        robust = robust * trust + divergence(student(x), adversarial).sum(1) * (1 - trust)
    assert torch.is_tensor(robust)
    loss = (1 - first_share - second_share) * cross_entropy(adversarial, y)
    loss = loss + first_share * tau * tau * robust.mean() + second_share * tau * tau * standard
    return with_igdm(loss, student, teacher, x, x_adv, adversarial, weight)
