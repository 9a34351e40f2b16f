"""Maroto, Ortiz-Jiménez, Frossard: On the Benefits of Knowledge Distillation for Adversarial Robustness.
arXiv 2203.07159.

    outer:  α · CE(S(x'), softmax(T)) + (1 - α) · CE(S(x'), y)            inner:  CE(S(x'), y), from a uniform point

The label is mixed with the teacher's prediction. ``imitation`` is α; its value on CIFAR is in no released code, so the
default 0.5 is ours, and nobody's published setting.

Deviations: none from the authors' code, in which the teacher sees x'. IGDM, whose tables have an AKD, released no code
of it, so which image it used is unknown; ``teacher_image="clean"`` is T(x).
"""

from __future__ import annotations

from typing import Literal

from torch.nn import functional as F

from robustill.attacks.starts import Start, Uniform
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.inner import StudentCE
from robustill.objectives.line import Line
from robustill.types import PerSample


class AKD(Method):
    """Adversarial training on labels that are mixed with the teacher's prediction."""

    imitation: float = 0.5
    teacher_image: Literal["adversarial", "clean"] = "adversarial"
    inner: InnerLoss = StudentCE()
    start: Start = Uniform()

    def __post_init__(self) -> None:
        if not 0 <= self.imitation <= 1:
            raise ValueError(f"AKD requires an imitation (α) in [0, 1]. Found: {self.imitation}.")
        if self.teacher_image not in ("adversarial", "clean"):
            raise ValueError(f"AKD requires a teacher_image of adversarial or clean. Found: {self.teacher_image!r}.")

    def outer(self, line: Line) -> PerSample:
        logits = line.student(1)
        soft = line.teacher(1 if self.teacher_image == "adversarial" else 0).softmax(1)
        loss = self.imitation * F.cross_entropy(logits, soft, reduction="none")
        if self.imitation < 1:
            loss = loss + (1 - self.imitation) * line.cross_entropy(logits)
        return loss
