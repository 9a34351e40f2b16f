"""What a training step costs, counted and not declared: it is run once on toy networks that count their passes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from robustill.attacks.base import Attack, frozen
from robustill.objectives.base import Method
from robustill.objectives.remembered import Remembered
from robustill.training.awp import AWP
from robustill.training.step import descend
from robustill.types import Images, Logits

__all__ = ["Cost", "CountingNetwork", "Passes", "cost", "forward_macs"]


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Forwards and backwards of one network in one phase, per image of the batch.

    Attributes:
        forwards: evaluations of an image.
        backwards: gradients that came back to its logits.
        to_weights: those of them that went on to the weights, and not to the image alone.
        double_backwards: input gradients that were kept to be descended, as ``DirectGradient`` does.
    """

    forwards: int = 0
    backwards: int = 0
    to_weights: int = 0
    double_backwards: int = 0

    def __add__(self, other: Passes) -> Passes:
        return Passes(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def __mul__(self, times: int) -> Passes:
        return Passes(**{name: value * times for name, value in vars(self).items()})

    @property
    def units(self) -> int:
        """In forwards of this network: a backward to the input costs 1, a full one 2.

        An input gradient that is descended costs 3, itself and its own full backward, besides the backward through the
        logits that it shares with the rest of the loss.
        """
        return self.forwards + self.backwards + self.to_weights + 3 * self.double_backwards


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The passes of one training step: those of the attack and those of the outer step."""

    inner_student: Passes
    inner_teacher: Passes
    outer_student: Passes
    outer_teacher: Passes
    natural_teacher: Passes = Passes()

    def units(self, teacher_ratio: float, natural_ratio: float | None = None) -> float:
        """In student forwards.

        Args:
            teacher_ratio: a teacher forward over a student forward, in multiply-accumulates (:func:`forward_macs`).
            natural_ratio: the same of a second teacher; None is the first one's.
        """
        natural_ratio = teacher_ratio if natural_ratio is None else natural_ratio
        teacher = self.inner_teacher.units + self.outer_teacher.units
        student = self.inner_student.units + self.outer_student.units
        return student + teacher_ratio * teacher + natural_ratio * self.natural_teacher.units

    @property
    def needs_teacher(self) -> bool:
        return self.inner_teacher.forwards + self.outer_teacher.forwards > 0

    @property
    def needs_natural_teacher(self) -> bool:
        return self.natural_teacher.forwards > 0


class CountingNetwork(nn.Module):
    """A linear network on 2x2 images that counts the images it sees and the gradients that come back."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)))
        self.passes = Passes()

    def forward(self, x: Images) -> Logits:
        self.passes += Passes(forwards=len(x))
        weight = self.weight.view_as(self.weight)  # one for each forward: its hook runs where its gradient is wanted
        logits = x.flatten(1) @ weight
        if weight.requires_grad:
            weight.register_hook(lambda _: self._count(Passes(to_weights=len(x))))
        if logits.requires_grad:
            logits.register_hook(lambda _: self._count_backward(len(x)))
        return logits

    def _count_backward(self, images: int) -> None:
        # With gradients enabled the gradient is itself to be differentiated
        self._count(Passes(double_backwards=images) if torch.is_grad_enabled() else Passes(backwards=images))

    def _count(self, passes: Passes) -> None:
        self.passes += passes

    def take(self) -> Passes:
        """The passes since the last call; for a batch of one these are the passes per image."""
        passes, self.passes = self.passes, Passes()
        return passes


def cost(
    method: Method,
    attack: Attack,
    *,
    perturbation: AWP | None = None,
    label_smoothing: float = 0.0,
    progress: float = 1.0,
    remembered: bool = False,
) -> Cost:
    """Counts the passes of one training step of ``method`` with ``attack``, by default of the last epoch.

    ``remembered``: the teachers' logits of clean images are.

    Raises:
        ValueError: the method and the other choices do not fit each other.
    """
    student, teacher, natural = CountingNetwork(0), CountingNetwork(1).eval(), CountingNetwork(2).eval()
    x = torch.full((1, 1, 2, 2), 0.5)
    asked: list[nn.Module] = [network.requires_grad_(False) for network in (teacher, natural)]
    if remembered:
        asked = [Remembered(network, [x]) for network in (teacher, natural)]
        for network in (teacher, natural):
            network.take()
    inner: list[Passes] = []

    class Noting(Attack):
        """The attack, with the counters read when it ends."""

        def maximize(self, loss, x, *, start=None, generator=None):  # type: ignore[no-untyped-def]
            x_adv = attack.maximize(loss, x, start=start, generator=generator)
            inner.extend((student.take(), teacher.take()))
            return x_adv

    descend(
        student,
        asked[0],
        x,
        torch.zeros(1, dtype=torch.int64),
        method=method,
        attack=Noting(),
        natural_teacher=asked[1],
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
