"""PGD-AT: the step of robust_overfitting (the attack in train mode) and of IGDM's attacks.py (in eval mode)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.reference.common import cross_entropy


def step(
    student: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    epsilon: float,
    step_size: float,
    steps: int,
    attack_in_train_mode: bool,
) -> Tensor:
    """The perturbation is what is stepped and clipped here: to the ball, then to the images' distance from 0 and 1."""
    student.train(attack_in_train_mode)
    delta = torch.clamp(noise, -x, 1 - x)
    for _ in range(steps):
        delta.requires_grad_(True)
        gradient = torch.autograd.grad(cross_entropy(student(x + delta), y), [delta])[0]
        delta = torch.clamp(delta.detach() + step_size * torch.sign(gradient), -epsilon, epsilon)
        delta = torch.clamp(delta, -x, 1 - x)
    student.train()
    return cross_entropy(student(torch.clamp(x + delta.detach(), 0.0, 1.0)), y)
