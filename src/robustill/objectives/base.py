"""Objective, InnerLoss and Method: what is descended, what is climbed, and a published pairing of the two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Literal

from torch import Generator, nn

from robustill.attacks.base import Attack, frozen
from robustill.attacks.starts import Start
from robustill.component import Component
from robustill.objectives.batch_norm import Switched, evaluate_like
from robustill.objectives.line import Line
from robustill.objectives.trace import trace
from robustill.objectives.weights import SampleWeight
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
        inner: what the attack climbs; None for the methods that train on clean images alone: nothing is attacked.
        start: where the attack starts, unless the attack itself says.
        attack_mode: the student's mode during the attack. "train" (the code of ARD and IAD) lets every step of the
            attack move BatchNorm's running statistics.
        bn_parity: the points of the line whose batch statistics BatchNorm's running averages take, in this order;
            empty: the points that the loss evaluates. References make forwards that serve nothing else, such as S(x)
            in AdaAD + IGDM; ``bn_parity=(1, 0, -1, 1)`` has their effect, and ``Switched`` that of a code whose
            sequence changes during training.
        weight: how much each image counts, in the method's loss and in what ``+`` added; None: all the same.
        terms: what ``+`` added.
    """

    inner: InnerLoss | None
    start: Start
    attack_mode: Literal["eval", "train"] = "eval"
    bn_parity: tuple[float, ...] | Switched = ()
    weight: SampleWeight | None = None
    terms: tuple[Objective, ...] = ()

    def __new__(cls, **fields: Any) -> Method:
        """Refuses what ``+`` refuses; ``__post_init__`` is left to the subclasses."""
        for term in fields.get("terms", ()):
            if not isinstance(term, Objective) or isinstance(term, Method):
                raise ValueError(
                    f"terms requires what can be added to a method, such as IGDM(alpha=10). Found: {term!r}. "
                    "A method has an attack of its own, so two of them do not add up."
                )
        mode = fields.get("attack_mode", "eval")
        if mode not in ("eval", "train"):
            raise ValueError(f"{cls.__name__} requires an attack_mode of eval or train. Found: {mode!r}.")
        return super().__new__(cls)

    @abstractmethod
    def outer(self, line: Line) -> PerSample:
        """The method's own loss of each image, without added terms."""

    def __call__(self, line: Line) -> PerSample:
        loss = self.outer(line)
        for term in self.terms:
            loss = loss + term(line)
        return loss if self.weight is None else self.weight(loss, line)

    def __add__(self, term: Objective) -> Method:
        """This method with one term more: ``RSLAD() + IGDM(alpha=10)``."""
        if not isinstance(term, Objective) or isinstance(term, Method):
            return NotImplemented
        return replace(self, terms=(*self.terms, term))

    def start_of(self, attack: Attack) -> Start:
        """Where an attack begins to climb for this method: at its own start, if it has one, else at the method's."""
        start: Start = getattr(attack, "start", None) or self.start
        return start

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
        natural_teacher: nn.Module | None = None,
        progress: float = 1.0,
        label_smoothing: float = 0.0,
        generator: Generator | None = None,
    ) -> Scalar:
        """Attacks the batch and gives the mean loss: all that a training loop needs before ``loss.backward()``.

        Args:
            student: in the mode in which it shall be trained; its mode and its ``.grad`` are as before afterwards.
            teacher: in eval mode; it gets no gradients. None for methods without a teacher.
            x: images in [0, 1].
            y: labels.
            attack: how the budget is searched.
            natural_teacher: a second teacher, in eval mode, for the methods that have one (IAD2).
            progress: the current epoch, counted from 1, over all epochs. Ramps follow it.
            label_smoothing: in [0, 1): the share of the labels' weight that the student's cross-entropies spread over
                all classes. The attack climbs the labels as they are.
            generator: source of the attack's and the loss's randomness, on the device of ``x``.
        """
        line = self.attacked(
            student,
            teacher,
            x,
            y,
            attack=attack,
            natural_teacher=natural_teacher,
            progress=progress,
            label_smoothing=label_smoothing,
            generator=generator,
        )
        return self.mean(student, line)

    def attacked(
        self,
        student: nn.Module,
        teacher: nn.Module | None,
        x: Images,
        y: Labels,
        *,
        attack: Attack,
        natural_teacher: nn.Module | None = None,
        progress: float = 1.0,
        label_smoothing: float = 0.0,
        generator: Generator | None = None,
    ) -> Line:
        """The first half of ``loss``: the line after the attack, the teacher evaluated, the student not yet."""
        for name, network in (("teacher", teacher), ("natural_teacher", natural_teacher)):
            if network is not None and any(module.training for module in network.modules()):
                raise ValueError(f"The {name} must be in eval mode. Found: train mode. Call {name}.eval() first.")
        points = trace(self, progress)
        if label_smoothing and not points.labels:
            raise ValueError(
                f"{self} takes no cross-entropy with labels, so there is nothing to smooth. "
                f"Found: label_smoothing={label_smoothing}. Leave it at 0."
            )
        line = Line(
            student,
            teacher,
            x,
            y,
            natural_teacher=natural_teacher,
            progress=progress,
            label_smoothing=label_smoothing,
            generator=generator,
        )
        for head, c in points.teacher_gradients:  # before the attack, which may ask for the same logits
            if c == 0:
                line.teacher_gradient(head)
        inner = self.inner
        if inner is not None:
            with frozen(student, training=self.attack_mode == "train"):
                x_adv = attack.maximize(lambda image: inner(line, image), x, start=self.start, generator=generator)
            line = line.perturbed(x_adv)
        elif points.perturbed:
            raise ValueError(
                f"{self} needs a perturbation, and nothing is attacked. Found: inner=None. "
                "Give the method an inner loss, such as inner=StudentCE()."
            )
        line.announce(points)
        return line

    def mean(self, student: nn.Module, line: Line) -> Scalar:
        """The second half of ``loss``: the student evaluated, its BatchNorm's averages moved, the mean loss."""
        sequence = self.bn_parity(line.progress) if isinstance(self.bn_parity, Switched) else self.bn_parity
        if sequence:
            evaluate_like(student, line, trace(self, line.progress).student, sequence)
        return self(line).mean()
