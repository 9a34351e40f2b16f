"""What the published steps have in common: the divergence in its three reductions, and projected sign ascent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def divergence(target: Tensor, logits: Tensor) -> Tensor:
    """p (log p - log q) of every image and class, p the softmax of ``target`` and q that of ``logits``."""
    p, q = torch.softmax(target, dim=1), torch.softmax(logits, dim=1)
    return p * (torch.log(p) - torch.log(q))


def batchmean(terms: Tensor) -> Tensor:
    """Summed over classes, averaged over images."""
    return terms.sum() / len(terms)


def elementwise_mean(terms: Tensor) -> Tensor:
    """Averaged over classes too: 1 / classes times :func:`batchmean`."""
    return terms.mean()


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    probabilities = torch.softmax(logits, dim=1)
    return -torch.log(probabilities[torch.arange(len(y)), y]).mean()


def ascend(
    loss: Callable[[Tensor], Tensor],
    x: Tensor,
    start: Tensor,
    *,
    epsilon: float,
    step_size: float,
    steps: int,
) -> Tensor:
    """Step along the sign of the gradient, into the ball, into [0, 1]; as often as ``steps``."""
    x_adv = start.detach()
    for _ in range(steps):
        x_adv.requires_grad_(True)
        gradient = torch.autograd.grad(loss(x_adv), [x_adv])[0]
        x_adv = x_adv.detach() + step_size * torch.sign(gradient)
        x_adv = torch.min(torch.max(x_adv, x - epsilon), x + epsilon)
        x_adv = torch.clamp(x_adv, 0.0, 1.0)
    return x_adv.detach()


def gradient_matching(s_plus: Tensor, s_minus: Tensor, t_plus: Tensor, t_minus: Tensor) -> Tensor:
    """IGDM's term without its weight: softmax of the differences, teacher as target, temperature 1."""
    return batchmean(divergence(t_plus - t_minus, s_plus - s_minus))


def evaluated(teacher: nn.Module, x: Tensor) -> Tensor:
    """The teacher in eval mode, as a constant."""
    teacher.eval()
    with torch.no_grad():
        logits: Tensor = teacher(x)
    return logits
