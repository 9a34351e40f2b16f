"""SAAD as in its code: a linearised teacher inside, entropy weights outside. Outer forwards: S(x'), S(x - δ), S(x)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tests.reference.common import ascend, divergence, evaluated


def attack(student: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, noise: Tensor, **settings: float) -> Tensor:
    """Ascends the divergence from T(x) with its true class's logit moved along that logit's gradient."""
    student.eval()
    rows = torch.arange(len(y))
    image = x.clone().requires_grad_(True)
    logits = teacher(image)
    slope = torch.autograd.grad(logits[rows, y].sum(), image)[0]

    def climbed(candidate: Tensor) -> Tensor:
        moved = logits.detach().clone()
        moved[rows, y] += ((candidate - x) * slope).sum(dim=(1, 2, 3))
        return divergence(moved, student(candidate)).sum()

    x_adv = ascend(climbed, x, x + noise, **settings)  # type: ignore[arg-type]
    student.train()
    return x_adv


def entropy(logits: Tensor, order: float) -> Tensor:
    p = torch.softmax(logits, dim=1)
    if order == 1:
        return -(p * torch.log(p)).sum(1)
    return torch.log((p**order).sum(1)) / (1 - order)


def step(
    student: nn.Module,
    teacher: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    weight: float,
    beta: float,
    order: float = 1.0,
    in_batch: bool = True,
    far_point: float = -1.0,
    **settings: float,
) -> Tensor:
    """``in_batch``: the code's rescaling of w; otherwise the paper's H / log C. ``far_point``: Eq. 11 has 0."""
    x_adv = attack(student, teacher, x, y, noise, **settings)
    far = x + far_point * (x_adv - x)
    s_plus, s_minus, s_clean = student(x_adv), student(far), student(x)
    t_plus, t_minus, t_clean = evaluated(teacher, x_adv), evaluated(teacher, far), evaluated(teacher, x)
    h = entropy(t_plus, order)
    w = 5 * (h - h.min())
    share = (w - w.min()) / (w.max() - w.min() + 1e-8) if in_batch else h / math.log(t_plus.shape[1])
    matching = divergence(t_plus - t_minus, s_plus - s_minus).sum(1)
    imitation = divergence(t_plus, s_plus).sum(1)
    clean = divergence(t_clean, s_clean).sum(1)
    return (w * (imitation + weight * matching) + beta * (1 - share) * clean).mean()
