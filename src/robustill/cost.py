"""What a training step costs, counted and not declared: it is run once on toy networks that count their passes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from robustill.attacks.base import Attack, frozen
from robustill.objectives.base import Method
from robustill.types import Images, Logits

__all__ = ["Cost", "Passes", "cost", "forward_macs"]


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Forwards and backwards of one network in one phase, per image of the batch."""

    forwards: int = 0
    backwards: int = 0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The passes of one training step: the attack's, with input gradients only, and the outer step's."""

    inner_student: Passes
    inner_teacher: Passes
    outer_student: Passes
    outer_teacher: Passes

    def units(self, teacher_ratio: float) -> float:
        """In student forwards: a backward to the input costs 1, a full one 2; a teacher's ``teacher_ratio`` times that.

        Args:
            teacher_ratio: a teacher forward over a student forward, in multiply-accumulates (:func:`forward_macs`).
        """
        student = self.inner_student.forwards + self.inner_student.backwards
        student += self.outer_student.forwards + 2 * self.outer_student.backwards
        teacher = self.inner_teacher.forwards + self.inner_teacher.backwards + self.outer_teacher.forwards
        return student + teacher_ratio * teacher

    @property
    def needs_teacher(self) -> bool:
        return self.inner_teacher.forwards + self.outer_teacher.forwards > 0


class _Counting(nn.Module):
    """A linear network on 2x2 images that counts the images it sees and the gradients that come back."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)))
        self.forwards = self.backwards = 0

    def forward(self, x: Images) -> Logits:
        self.forwards += len(x)
        logits = x.flatten(1) @ self.weight
        if logits.requires_grad:
            logits.register_hook(self._count_backward)
        return logits

    def _count_backward(self, gradient: Tensor) -> None:
        self.backwards += len(gradient)

    def take(self) -> Passes:
        """The passes since the last call, per image of a batch of one."""
        passes = Passes(forwards=self.forwards, backwards=self.backwards)
        self.forwards = self.backwards = 0
        return passes


def cost(method: Method, attack: Attack) -> Cost:
    """Counts the passes of one training step of ``method`` with ``attack``."""
    student, teacher = _Counting(0), _Counting(1).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.full((1, 1, 2, 2), 0.5), torch.zeros(1, dtype=torch.int64)
    boundary: list[Passes] = []

    class Noting(Attack):
        """The attack, with the counters read when it ends."""

        def maximize(self, loss, x, *, start=None, generator=None):  # type: ignore[no-untyped-def]
            x_adv = attack.maximize(loss, x, start=start, generator=generator)
            boundary.extend((student.take(), teacher.take()))
            return x_adv

    method.loss(student, teacher, x, y, attack=Noting(), generator=generator).backward()
    inner_student, inner_teacher = boundary
    return Cost(
        inner_student=inner_student,
        inner_teacher=inner_teacher,
        outer_student=student.take(),
        outer_teacher=teacher.take(),
    )


def forward_macs(model: nn.Module, x: Images) -> float:
    """Multiply-accumulates of one forward of one image shaped like those of ``x``."""
    with frozen(model), torch.no_grad(), FlopCounterMode(display=False) as counter:  # in train mode BatchNorm would move
        model(x[:1])
    return float(counter.get_total_flops()) / 2
