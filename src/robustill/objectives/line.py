"""The line ``x + c·δ`` through a batch of images, with the networks' logits at its points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TypeVar

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from robustill.objectives.points import Head, Points
from robustill.objectives.remembered import Remembered
from robustill.precision import at_least_float32
from robustill.types import Images, Labels, Logits, PerSample

Key = TypeVar("Key")
Network = Callable[[Images], Logits]


class Line:
    """One batch, its perturbation and the logits along it. Nothing is evaluated twice, nothing before it is asked for.

    Student logits are computed in the student's current mode and keep their graph; in train mode the order of the first
    requests is the order in which BatchNorm's running statistics move. Teacher logits are constants.

    Args:
        student, teacher: networks from images in [0, 1] to logits; ``teacher=None`` where no term asks for it. One that
            is ``Remembered`` is not asked for T(x).
        x: clean images in [0, 1].
        y: their labels.
        x_adv: the adversarial images, once they are known.
        natural_teacher: a second teacher, trained on clean images, for the methods that have one (IAD-II).
        progress: how much of training is done, in (0, 1]: the current epoch, counted from 1, over all epochs.
        label_smoothing: the share of the labels' weight that is spread over all classes in the student's loss.
        generator: source of an objective's own randomness (IGDM's ablation), on the device of ``x``.
    """

    def __init__(
        self,
        student: Network,
        teacher: Network | None,
        x: Images,
        y: Labels,
        x_adv: Images | None = None,
        *,
        natural_teacher: Network | None = None,
        progress: float = 1.0,
        label_smoothing: float = 0.0,
        generator: Generator | None = None,
    ) -> None:
        self.x, self.y, self.x_adv, self.progress = x, y, x_adv, progress
        self.label_smoothing, self.generator = label_smoothing, generator
        self._student, self._teacher, self._natural_teacher = student, teacher, natural_teacher
        self.student_logits: dict[float, Logits] = {}
        self.teacher_logits: dict[float, Logits] = {}
        self.natural_logits: dict[float, Logits] = {}
        if isinstance(teacher, Remembered):
            self.teacher_logits[0] = teacher.recall(x)
        if isinstance(natural_teacher, Remembered):
            self.natural_logits[0] = natural_teacher.recall(x)
        self.student_gradients: dict[tuple[Head, float], Images] = {}
        self.teacher_gradients: dict[tuple[Head, float], Images] = {}
        self.labels_asked = False
        self._inputs: dict[float, Images] = {}  # the student's images at the points whose gradient is asked for
        self._differentiated: frozenset[float] = frozenset()
        self._aside: Line | None = None
        self._main: Line | None = None  # of a line aside: the line whose clean logits it shares

    @property
    def delta(self) -> Images:
        """The perturbation δ = x_adv - x."""
        if self.x_adv is None:
            raise ValueError(
                "This line has no perturbation yet: inner losses may ask for c = 0 and for given images only."
            )
        return self.x_adv - self.x

    def point(self, c: float) -> Images:
        """The images x + c·δ, not clipped to [0, 1]: clipping would bend the line. Exactly x_adv at c = 1."""
        if c == 0:
            return self.x
        delta = self.delta
        if c == 1:
            assert self.x_adv is not None
            return self.x_adv
        return self.x + c * delta

    def student(self, c: float) -> Logits:
        """The student's logits at x + c·δ, with graph."""
        if c == 0 and self._main is not None:
            return self._main.student(0)
        if c not in self.student_logits:
            image = self.point(c)
            if c in self._differentiated:
                image = self._inputs[c] = image.detach().requires_grad_()
            self.student_logits[c] = self.student_at(image)
        return self.student_logits[c]

    def teacher(self, c: float) -> Logits:
        """The teacher's logits at x + c·δ, without graph."""
        if c == 0 and self._main is not None:
            return self._main.teacher(0)
        if c not in self.teacher_logits:
            with torch.no_grad():
                self.teacher_logits[c] = self.teacher_at(self.point(c))
        return self.teacher_logits[c]

    def natural_teacher(self, c: float) -> Logits:
        """The second teacher's logits at x + c·δ, without graph."""
        if c not in self.natural_logits:
            if self._natural_teacher is None:
                raise ValueError(
                    "This objective asks for a second, naturally trained teacher. Found: natural_teacher=None. Give it."
                )
            with torch.no_grad():
                self.natural_logits[c] = at_least_float32(self._natural_teacher(self.point(c)))
        return self.natural_logits[c]

    def student_at(self, image: Images) -> Logits:
        """The student's logits at any image, with graph, not kept."""
        return at_least_float32(self._student(image))

    def teacher_at(self, image: Images) -> Logits:
        """The teacher's logits at any image, not kept; differentiable in the image (AdaAD's inner loss needs it)."""
        if self._teacher is None:
            raise ValueError("This objective asks for a teacher. Found: teacher=None. Give the teacher network.")
        return at_least_float32(self._teacher(image))

    def student_gradient(self, head: Head, c: float = 0) -> Images:
        """The input gradient of ``head(logits, y)`` of the student at x + c·δ, with graph: it can be descended.

        In train mode BatchNorm joins the images of a batch; the gradient is that of the batch's sum.
        """
        if (head, c) not in self.student_gradients:
            if c not in self._inputs:  # logits that were made before this was announced cannot be differentiated
                self._inputs[c] = self.point(c).detach().requires_grad_()
                self.student_logits[c] = self.student_at(self._inputs[c])
            total = head(self.student_logits[c], self.y).sum()
            (self.student_gradients[head, c],) = torch.autograd.grad(total, self._inputs[c], create_graph=True)
        return self.student_gradients[head, c]

    def teacher_gradient(self, head: Head, c: float = 0) -> Images:
        """The input gradient of ``head(logits, y)`` of the teacher at x + c·δ, a constant. Its logits are kept too."""
        if (head, c) not in self.teacher_gradients:
            with torch.enable_grad():
                image = self.point(c).detach().requires_grad_()
                logits = self.teacher_at(image)
                (self.teacher_gradients[head, c],) = torch.autograd.grad(head(logits, self.y).sum(), image)
            self.teacher_logits.setdefault(c, logits.detach())
        return self.teacher_gradients[head, c]

    def cross_entropy(self, logits: Logits) -> PerSample:
        """The cross-entropy of the student's logits with the labels, smoothed as the run says."""
        self.labels_asked = True
        return F.cross_entropy(logits, self.y, reduction="none", label_smoothing=self.label_smoothing)

    def zeros(self) -> PerSample:
        """The loss of a term that has no weight now."""
        return self.x.new_zeros(len(self.x))

    def aside(self) -> Line:
        """The line through the same images along a random direction: uniform noise, drawn once, as long as δ in L2."""
        if self._aside is None:
            delta = self.delta
            noise = 2 * torch.rand(delta.shape, dtype=delta.dtype, device=delta.device, generator=self.generator) - 1
            share = delta.flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
            self._aside = self.perturbed(self.x + share[:, None, None, None] * noise)
            self._aside.teacher_logits = {}
            self._aside._main = self
        return self._aside

    def fuse_teacher(self, points: tuple[float, ...]) -> None:
        """Evaluates the teacher at several points in one forward (in eval mode, images of a batch do not interact)."""
        missing = [c for c in points if c not in self.teacher_logits]
        if len(missing) > 1:
            with torch.no_grad():
                logits = self.teacher_at(torch.cat([self.point(c) for c in missing]))
            self.teacher_logits.update(zip(missing, logits.chunk(len(missing)), strict=True))

    def announce(self, points: Points) -> None:
        """Says what will be asked, so that no pass is made twice: the teacher's are made now, in one forward."""
        for head, c in points.teacher_gradients:
            self.teacher_gradient(head, c)
        self.fuse_teacher(points.teacher)
        self._differentiated |= {c for _, c in points.student_gradients}
        if points.aside is not None:
            self.aside().announce(points.aside)

    def perturbed(self, x_adv: Images) -> Line:
        """The line after the attack: the teachers' clean logits carry over, the student's (of another mode) do not."""
        line = self.renewed()
        line.x_adv, line._aside = x_adv, None
        line.teacher_logits = {c: logits for c, logits in self.teacher_logits.items() if c == 0}
        line.natural_logits = {c: logits for c, logits in self.natural_logits.items() if c == 0}
        line.teacher_gradients = {key: gradient for key, gradient in self.teacher_gradients.items() if key[1] == 0}
        return line

    @classmethod
    def joined(cls, lines: Sequence[Line]) -> Line:
        """One line through the images of several, all of them asked the same so far, and the student nothing."""
        first, *others = lines
        if not others:
            return first
        line = first.renewed()
        line.x, line.y = torch.cat([each.x for each in lines]), torch.cat([each.y for each in lines])
        if first.x_adv is not None:
            line.x_adv = torch.cat([each.point(1) for each in lines])
        line.teacher_logits = _joined([each.teacher_logits for each in lines])
        line.natural_logits = _joined([each.natural_logits for each in lines])
        line.teacher_gradients = _joined([each.teacher_gradients for each in lines])
        if first._aside is not None:
            line._aside = cls.joined([each._aside for each in lines if each._aside is not None])
            line._aside._main = line
        return line

    def renewed(self) -> Line:
        """The same line before the student was asked, for a student whose weights are about to change (AWP)."""
        line = self._copied(Line.renewed)
        line.student_logits, line.student_gradients, line._inputs = {}, {}, {}
        return line

    def settled(self) -> Line:
        """The same line with all that was found on it as constants: the graphs of a step that is done are let go."""
        line = self._copied(Line.settled)
        line.student_logits = {c: logits.detach() for c, logits in self.student_logits.items()}
        line.student_gradients = {key: gradient.detach() for key, gradient in self.student_gradients.items()}
        line._inputs = {c: image.detach() for c, image in self._inputs.items()}
        return line

    def _copied(self, change: Callable[[Line], Line]) -> Line:
        """A copy, whose line aside is changed."""
        line = copy(self)
        if self._aside is not None:
            line._aside = change(self._aside)
            line._aside._main = line
        return line

    def asked(self) -> Points:
        """What has been asked so far."""
        return Points(
            student=tuple(self.student_logits),
            teacher=tuple(self.teacher_logits),
            natural_teacher=tuple(self.natural_logits),
            student_gradients=tuple(self.student_gradients),
            teacher_gradients=tuple(self.teacher_gradients),
            aside=self._aside.asked() if self._aside is not None else None,
            labels=self.labels_asked,
        )

    @classmethod
    def from_logits(
        cls,
        y: Labels,
        *,
        student: Mapping[float, Logits],
        teacher: Mapping[float, Logits] | None = None,
        natural_teacher: Mapping[float, Logits] | None = None,
        progress: float = 1.0,
        label_smoothing: float = 0.0,
    ) -> Line:
        """A line of given logits by their c, without networks: for tests and for other people's loops."""
        blank = next(iter(student.values())).new_zeros(len(y), 1, 1, 1)
        line = cls(
            _no_network,
            _no_network,
            blank,
            y,
            blank,
            natural_teacher=_no_network,
            progress=progress,
            label_smoothing=label_smoothing,
        )
        line.student_logits = dict(student)
        line.teacher_logits = dict(teacher or {})
        line.natural_logits = dict(natural_teacher or {})
        return line


def _joined(found: Sequence[dict[Key, Tensor]]) -> dict[Key, Tensor]:
    return {key: torch.cat([each[key] for each in found]) for key in found[0]}


def _no_network(image: Images) -> Logits:
    raise ValueError("This line was made from logits and lacks a point that the objective asks for.")
