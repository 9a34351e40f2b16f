"""AdaIAD as in AdaAD's code, epochs counted from 0: S(x) for nothing, S(x'), S(x) for the introspection, S(x) for a
cross-entropy of weight 0. The teacher sees x' twice, with gradients: nobody froze it there.
"""

from __future__ import annotations

from torch import Tensor, nn

from tests.reference.common import cross_entropy, divergence
from tests.reference.inner import softened, teacher_attack, true_probability, with_igdm


def step(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    epoch: int,
    begin: int,
    weight: float = 0.0,
    **settings: float,
) -> Tensor:
    x_adv = teacher_attack(student, teacher, x, noise, **settings)
    student(x)
    adversarial = student(x_adv)
    guide, target = teacher(x_adv), teacher(x_adv)
    loss = softened(target, adversarial, 30.0)
    if epoch >= begin:
        introspection = divergence(student(x), adversarial).sum(1)
        loss = loss + (introspection * (1 - true_probability(guide.detach(), y) ** 0.1)).mean()
    loss = loss + 0.0 * cross_entropy(student(x), y)
    return with_igdm(loss, student, teacher, x, x_adv, adversarial, weight)
