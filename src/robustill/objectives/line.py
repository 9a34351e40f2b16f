"""The line ``x + c·δ`` through a batch of images, with both networks' logits at its points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch

from robustill.precision import at_least_float32
from robustill.types import Images, Labels, Logits, PerSample

Network = Callable[[Images], Logits]


class Line:
    """One batch, its perturbation and the logits along it. Nothing is evaluated twice, nothing before it is asked for.

    Student logits are computed in the student's current mode and keep their graph; in train mode the order of the first
    requests is the order in which BatchNorm's running statistics move. Teacher logits are constants.

    Args:
        student, teacher: networks from images in [0, 1] to logits; ``teacher=None`` where no term asks for it.
        x: clean images in [0, 1].
        y: their labels.
        x_adv: the adversarial images, once they are known.
        progress: how much of training is done, in (0, 1]: the current epoch, counted from 1, over all epochs.
    """

    def __init__(
        self,
        student: Network,
        teacher: Network | None,
        x: Images,
        y: Labels,
        x_adv: Images | None = None,
        *,
        progress: float = 1.0,
    ) -> None:
        self.x, self.y, self.x_adv, self.progress = x, y, x_adv, progress
        self._student, self._teacher = student, teacher
        self.student_logits: dict[float, Logits] = {}
        self.teacher_logits: dict[float, Logits] = {}

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
        if c not in self.student_logits:
            self.student_logits[c] = self.student_at(self.point(c))
        return self.student_logits[c]

    def teacher(self, c: float) -> Logits:
        """The teacher's logits at x + c·δ, without graph."""
        if c not in self.teacher_logits:
            with torch.no_grad():
                self.teacher_logits[c] = self.teacher_at(self.point(c))
        return self.teacher_logits[c]

    def student_at(self, image: Images) -> Logits:
        """The student's logits at any image, with graph, not kept."""
        return at_least_float32(self._student(image))

    def teacher_at(self, image: Images) -> Logits:
        """The teacher's logits at any image, not kept; differentiable in the image (AdaAD's inner loss needs it)."""
        if self._teacher is None:
            raise ValueError("This objective asks for a teacher. Found: teacher=None. Give the teacher network.")
        return at_least_float32(self._teacher(image))

    def fuse_teacher(self, points: tuple[float, ...]) -> None:
        """Evaluates the teacher at several points in one forward (in eval mode, images of a batch do not interact)."""
        missing = [c for c in points if c not in self.teacher_logits]
        if len(missing) > 1:
            with torch.no_grad():
                logits = self.teacher_at(torch.cat([self.point(c) for c in missing]))
            self.teacher_logits.update(zip(missing, logits.chunk(len(missing)), strict=True))

    def perturbed(self, x_adv: Images) -> Line:
        """The line after the attack: the teacher's clean logits carry over, the student's (of another mode) do not."""
        line = Line(self._student, self._teacher, self.x, self.y, x_adv, progress=self.progress)
        line.teacher_logits = {c: logits for c, logits in self.teacher_logits.items() if c == 0}
        return line

    @classmethod
    def from_logits(
        cls,
        y: Labels,
        *,
        student: Mapping[float, Logits],
        teacher: Mapping[float, Logits] | None = None,
        progress: float = 1.0,
    ) -> Line:
        """A line of given logits by their c, without networks: for tests and for other people's loops."""
        blank = next(iter(student.values())).new_zeros(len(y), 1, 1, 1)
        line = cls(_no_network, _no_network, blank, y, blank, progress=progress)
        line.student_logits = dict(student)
        line.teacher_logits = dict(teacher or {})
        return line


def _no_network(image: Images) -> Logits:
    raise ValueError("This line was made from logits and lacks a point that the objective asks for.")


@dataclass(frozen=True)
class Points:
    """The points of the line at which an objective asks for logits, in the order of the first request."""

    student: tuple[float, ...]
    teacher: tuple[float, ...]


@lru_cache(maxsize=256)
def trace(objective: Callable[[Line], PerSample]) -> Points:
    """Finds the points of an objective (hashable, as components are) by running it once on a toy line."""
    blank = torch.zeros(1, 1, 1, 1)
    toy = Line(_toy, _toy, blank, torch.zeros(1, dtype=torch.int64), blank + 1)
    objective(toy)
    return Points(tuple(toy.student_logits), tuple(toy.teacher_logits))


def _toy(image: Images) -> Logits:
    return image.flatten(1) * torch.arange(3.0)
