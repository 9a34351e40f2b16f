"""What an objective asks of a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from robustill.types import Labels, Logits, PerSample

Head = Callable[[Logits, Labels], PerSample]
"""What of the logits a gradient is taken: the cross-entropy, the true class's logit."""


@dataclass(frozen=True)
class Points:
    """What an objective asks of a line, in the order of the first request.

    Attributes:
        student, teacher, natural_teacher: the points at which it asks for logits.
        student_gradients, teacher_gradients: the input gradients it asks for: of what, and where.
        aside: what it asks of the line along a random direction; None where it asks for none.
        labels: whether it takes a cross-entropy with the labels.
    """

    student: tuple[float, ...]
    teacher: tuple[float, ...]
    natural_teacher: tuple[float, ...] = ()
    student_gradients: tuple[tuple[Head, float], ...] = ()
    teacher_gradients: tuple[tuple[Head, float], ...] = ()
    aside: Points | None = None
    labels: bool = field(default=False, compare=False)

    @property
    def perturbed(self) -> bool:
        """Whether any of it needs a perturbation."""
        gradients = [c for _, c in (*self.student_gradients, *self.teacher_gradients)]
        return any((*self.student, *self.teacher, *self.natural_teacher, *gradients)) or self.aside is not None
