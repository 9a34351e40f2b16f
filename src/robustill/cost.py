"""What a training step costs, counted and not declared: it is run once on toy networks that count their passes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from robustill.attacks.base import Attack, frozen
from robustill.objectives.base import Method
from robustill.training.awp import AWP
from robustill.training.step import descend
from robustill.types import Images, Logits

__all__ = ["Cost", "Passes", "cost", "forward_macs"]


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Forwards and backwards of one network in one phase, per image of the batch.

    Attributes:
        forwards: evaluations of an image.
        backwards: gradients that came back to its logits.
        double_backwards: input gradients that were kept to be descended, as ``DirectGradient`` does.
    """

    forwards: int = 0
    backwards: int = 0
    double_backwards: int = 0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The passes of one training step: the attack's, with input gradients only, and the outer step's."""

    inner_student: Passes
    inner_teacher: Passes
    outer_student: Passes
    outer_teacher: Passes
    natural_teacher: Passes = Passes()

    def units(self, teacher_ratio: float, natural_ratio: float | None = None) -> float:
        """In student forwards: a backward to the input costs 1, a full one 2; a teacher's its ratio times that.

        A student's input gradient that is descended costs 3, itself and its own full backward, besides the backward
        through the logits that it shares with the rest of the loss.

        Args:
            teacher_ratio: a teacher forward over a student forward, in multiply-accumulates (:func:`forward_macs`).
            natural_ratio: the same of a second teacher; None is the first one's.
        """
        inner, outer = self.inner_student, self.outer_student
        student = inner.forwards + inner.backwards + outer.forwards + 2 * outer.backwards + 3 * outer.double_backwards
        teacher = sum(passes.forwards + passes.backwards for passes in (self.inner_teacher, self.outer_teacher))
        natural = self.natural_teacher.forwards + self.natural_teacher.backwards
        return student + teacher_ratio * teacher + (teacher_ratio if natural_ratio is None else natural_ratio) * natural

    @property
    def needs_teacher(self) -> bool:
        return self.inner_teacher.forwards + self.outer_teacher.forwards > 0

    @property
    def needs_natural_teacher(self) -> bool:
        return self.natural_teacher.forwards > 0


class _Counting(nn.Module):
    """A linear network on 2x2 images that counts the images it sees and the gradients that come back."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)))
        self.passes = Passes()

    def forward(self, x: Images) -> Logits:
        self._add(forwards=len(x))
        logits = x.flatten(1) @ self.weight
        if logits.requires_grad:
            logits.register_hook(self._count_backward)
        return logits

    def _count_backward(self, gradient: Tensor) -> None:
        if torch.is_grad_enabled():  # only where the gradient is itself to be differentiated
            self._add(double_backwards=len(gradient))
        else:
            self._add(backwards=len(gradient))

    def _add(self, *, forwards: int = 0, backwards: int = 0, double_backwards: int = 0) -> None:
        self.passes = Passes(
            forwards=self.passes.forwards + forwards,
            backwards=self.passes.backwards + backwards,
            double_backwards=self.passes.double_backwards + double_backwards,
        )

    def take(self) -> Passes:
        """The passes since the last call, per image of a batch of one."""
        passes, self.passes = self.passes, Passes()
        return passes


def cost(
    method: Method,
    attack: Attack,
    *,
    perturbation: AWP | None = None,
    label_smoothing: float = 0.0,
    progress: float = 1.0,
) -> Cost:
    """Counts the passes of one training step of ``method`` with ``attack``, by default of the last epoch.

    Raises:
        ValueError: the method and the other choices do not fit each other.
    """
    student, teacher, natural = _Counting(0), _Counting(1).eval(), _Counting(2).eval()
    inner: list[Passes] = []

    class Noting(Attack):
        """The attack, with the counters read when it ends."""

        def maximize(self, loss, x, *, start=None, generator=None):  # type: ignore[no-untyped-def]
            x_adv = attack.maximize(loss, x, start=start, generator=generator)
            inner.extend((student.take(), teacher.take()))
            return x_adv

    descend(
        student,
        teacher.requires_grad_(False),
        torch.full((1, 1, 2, 2), 0.5),
        torch.zeros(1, dtype=torch.int64),
        method=method,
        attack=Noting(),
        natural_teacher=natural.requires_grad_(False),
        perturbation=perturbation,
        label_smoothing=label_smoothing,
        progress=progress,
        generator=torch.Generator().manual_seed(0),
    )
    inner_student, inner_teacher = inner or (Passes(), Passes())  # nothing is attacked by a method without inner loss
    return Cost(
        inner_student=inner_student,
        inner_teacher=inner_teacher,
        outer_student=student.take(),
        outer_teacher=teacher.take(),
        natural_teacher=natural.take(),
    )


def forward_macs(model: nn.Module, x: Images) -> float:
    """Multiply-accumulates of one forward of one image shaped like those of ``x``."""
    # Frozen: in train mode the forward would move BatchNorm's averages.
    with frozen(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x[:1])
    return float(counter.get_total_flops()) / 2
