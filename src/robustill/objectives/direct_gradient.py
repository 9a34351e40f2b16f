"""Direct input-gradient matching, what IGDM does without: Shao, Yi, Chen, Hsieh: How and When Adversarial Robustness
Transfers in Knowledge Distillation (KDIGA). arXiv 2110.12072.

    T(α) · ‖ ∇ₓ CE(S(x), y) - ∇ₓ CE(T(x), y) ‖₂                                    (or its square)

The comparison of the IGDM paper's appendix, whose exact form it does not print: this one is what GD measures. It needs
a second backward pass through the student's input gradient: on top of a method that evaluates S(x), that is 3 student
passes and T(x) with its input gradient, where IGDM takes S(x - δ) forwards and backwards, also 3, and T at two points;
without S(x) it is 6 (``robustill cost``). It does not need a perturbation.
"""

from __future__ import annotations

from typing import Literal

from robustill.objectives.base import Objective
from robustill.objectives.divergences import cross_entropy
from robustill.objectives.line import Line
from robustill.objectives.ramps import Linear, Ramp
from robustill.types import PerSample


class DirectGradient(Objective):
    """The distance of student's and teacher's input gradients at the clean image, by double backward.

    Attributes:
        alpha: the weight at the end of the ramp; the IGDM paper tries 1 to 10,000 with ARD.
        ramp: the growth of the weight over training.
        distance: "l2", the length of the difference, or its square.
    """

    alpha: float
    ramp: Ramp = Linear()
    distance: Literal["l2", "squared_l2"] = "l2"

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise ValueError(f"DirectGradient requires a finite alpha of at least 0. Found: {self.alpha}.")
        if self.distance not in ("l2", "squared_l2"):
            raise ValueError(f"DirectGradient requires a distance of l2 or squared_l2. Found: {self.distance!r}.")

    def __call__(self, line: Line) -> PerSample:
        weight = self.alpha * self.ramp(line.progress)
        if weight == 0:
            return line.zeros()
        difference = line.student_gradient(cross_entropy) - line.teacher_gradient(cross_entropy)
        distance: PerSample = difference.flatten(1).norm(dim=1)
        return weight * (distance if self.distance == "l2" else distance.square())
