"""Objective, InnerLoss and Method: what is descended, what is climbed, and a published pairing of the two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Literal

from torch import Generator, nn

from robustill.attacks.base import Attack, frozen
from robustill.attacks.starts import Start
from robustill.component import Component
from robustill.objectives.batch_norm import evaluate_like
from robustill.objectives.line import Line, trace
from robustill.types import Images, Labels, PerSample, Scalar


class Objective(Component, ABC):
    """What the student descends: one loss per image from the logits on a line."""

    @abstractmethod
    def __call__(self, line: Line) -> PerSample:
        """The loss of each image."""


class InnerLoss(Component, ABC):
    """What the attack climbs."""

    @abstractmethod
    def __call__(self, line: Line, x_adv: Images) -> PerSample:
        """The loss of each candidate image, differentiable in ``x_adv``."""


class Method(Objective, ABC):
    """A published method: its outer loss, its inner loss and the start of its attack. Terms are added with ``+``.

    A subclass gives the defaults of ``inner`` and ``start`` and writes ``outer``; variants are fields, so
    ``AdaAD(inner=StudentCE())`` is the row "w/o T_in" of IGDM's Table 3.

    Attributes:
        inner: what the attack climbs.
        start: where the attack starts, unless the attack itself says.
        attack_mode: the student's mode during the attack. "train" (the code of ARD and IAD) lets every step of the
            attack move BatchNorm's running statistics.
        bn_parity: the points of the line whose batch statistics BatchNorm's running averages take, in this order;
            empty: the points that the loss evaluates. References make forwards that serve nothing else, such as S(x)
            in AdaAD + IGDM; ``bn_parity=(1, 0, -1, 1)`` has their effect.
        terms: what ``+`` added.
    """

    inner: InnerLoss
    start: Start
    attack_mode: Literal["eval", "train"] = "eval"
    bn_parity: tuple[float, ...] = ()
    terms: tuple[Objective, ...] = ()

    @abstractmethod
    def outer(self, line: Line) -> PerSample:
        """The method's own loss of each image, without added terms."""

    def __call__(self, line: Line) -> PerSample:
        loss = self.outer(line)
        for term in self.terms:
            loss = loss + term(line)
        return loss

    def __add__(self, term: Objective) -> Method:
        """This method with one term more: ``RSLAD() + IGDM(alpha=10)``."""
        if not isinstance(term, Objective) or isinstance(term, Method):
            return NotImplemented
        return replace(self, terms=(*self.terms, term))

    def __repr__(self) -> str:
        own = Component.__repr__(replace(self, terms=()))
        return " + ".join([own, *map(repr, self.terms)])

    def loss(
        self,
        student: nn.Module,
        teacher: nn.Module | None,
        x: Images,
        y: Labels,
        *,
        attack: Attack,
        progress: float = 1.0,
        generator: Generator | None = None,
    ) -> Scalar:
        """Attacks the batch and gives the mean loss: all that a training loop needs before ``loss.backward()``.

        Args:
            student: in the mode in which it shall be trained; its mode and its ``.grad`` are as before afterwards.
            teacher: in eval mode; it gets no gradients. None for methods without a teacher.
            x: images in [0, 1].
            y: labels.
            attack: how the budget is searched.
            progress: the current epoch, counted from 1, over all epochs. Ramps follow it.
            generator: source of the attack's randomness, on the device of ``x``.
        """
        if teacher is not None and teacher.training:
            raise ValueError("The teacher must be in eval mode. Found: train mode. Call teacher.eval() first.")
        line = Line(student, teacher, x, y, progress=progress)
        with frozen(student, training=self.attack_mode == "train"):
            x_adv = attack.maximize(lambda image: self.inner(line, image), x, start=self.start, generator=generator)
        line = line.perturbed(x_adv)
        points = trace(self)
        line.fuse_teacher(points.teacher)
        if self.bn_parity:
            evaluate_like(student, line, points.student, self.bn_parity)
        return self(line).mean()
