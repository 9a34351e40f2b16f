"""Natural training and distillation on clean images: one forward, no attack."""

from __future__ import annotations

from torch import Tensor, nn

from tests.reference.common import cross_entropy, evaluated
from tests.reference.inner import softened


def natural(student: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(student(x), y)


def kd(student: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, *, alpha: float, temperature: float) -> Tensor:
    logits = student(x)
    soft = softened(evaluated(teacher, x), logits, temperature)
    return alpha * soft + (1 - alpha) * cross_entropy(logits, y)
