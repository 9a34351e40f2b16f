"""PGD-AT: the step of robust_overfitting (the attack in train mode) and of IGDM's attacks.py (in eval mode)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.reference.common import cross_entropy
from tests.reference.inner import with_igdm


def attack(
    student: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    noise: Tensor,
    epsilon: float,
    step_size: float,
    steps: int,
    in_train_mode: bool,
) -> Tensor:
    """The perturbation is what is stepped and clipped here: to the ball, then to the images' distance from 0 and 1.

    In train mode, which is robust_overfitting, it takes its gradients by ``backward``, those of the weights too, and
    evaluates its last point once more.
    """
    student.train(in_train_mode)
    delta = torch.clamp(noise, -x, 1 - x)
    for _ in range(steps):
        delta.requires_grad_(True)
        loss = cross_entropy(student(x + delta), y)
        if in_train_mode:
            loss.backward()
            gradient = delta.grad
            assert gradient is not None
        else:
            gradient = torch.autograd.grad(loss, [delta])[0]
        delta = torch.clamp(delta.detach() + step_size * torch.sign(gradient), -epsilon, epsilon)
        delta = torch.clamp(delta, -x, 1 - x)
    if in_train_mode:
        student(x + delta)
        student.zero_grad()
    student.train()
    return torch.clamp(x + delta, 0.0, 1.0)


def step(student: nn.Module, x: Tensor, y: Tensor, *, in_train_mode: bool, **settings: float | Tensor) -> Tensor:
    x_adv = attack(student, x, y, in_train_mode=in_train_mode, **settings)  # type: ignore[arg-type]
    return cross_entropy(student(x_adv), y)


def step_with_igdm(
    student: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, *, weight: float, **settings: float | Tensor
) -> Tensor:
    """IGDM's paper has it, nobody's code does. Outer forwards: S(x'), S(x - δ)."""
    x_adv = attack(student, x, y, in_train_mode=False, **settings)  # type: ignore[arg-type]
    logits = student(x_adv)
    return with_igdm(cross_entropy(logits, y), student, teacher, x, x_adv, logits, weight)


def log(student: nn.Module, x: Tensor) -> None:
    """What robust_overfitting does after the optimizer's step: S(x) in train mode, for the training accuracy."""
    student(x)
