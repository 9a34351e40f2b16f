"""Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network. arXiv 1503.02531.

    outer:  α · T² KL(T(x)/T ‖ S(x)/T) + (1 - α) · CE(S(x), y)            inner:  none

Distillation on clean images. ``imitation`` is α. The paper prints no values for images of this kind: the defaults,
T = 30 and α = 1, are those of the comparison in ARD's paper, so that ``KD()`` and ``ARD()`` differ in the image alone.
A term that needs a perturbation needs an attack: ``KD(inner=StudentCE()) + IGDM(alpha=10)``.

Deviations: none; there is no authors' code.
"""

from __future__ import annotations

from robustill.attacks.starts import Start, Uniform
from robustill.methods.ard import check_imitation
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import softened_kl
from robustill.objectives.line import Line
from robustill.types import PerSample


class KD(Method):
    """The student follows the teacher's softened prediction of the clean image."""

    imitation: float = 1.0
    temperature: float = 30.0
    inner: InnerLoss | None = None
    start: Start = Uniform()

    def __post_init__(self) -> None:
        check_imitation(self, self.imitation, self.temperature)

    def outer(self, line: Line) -> PerSample:
        loss = self.imitation * softened_kl(line.teacher(0), line.student(0), self.temperature)
        if self.imitation < 1:
            loss = loss + (1 - self.imitation) * line.cross_entropy(line.student(0))
        return loss
