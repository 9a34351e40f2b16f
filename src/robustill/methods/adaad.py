"""Huang, Chen, Wang, Lu, Cheng, Wang: Boosting Accuracy and Robustness of Student Models via Adaptive Adversarial
Distillation. CVPR 2023.

    outer:  scale · ( λ KL(T(x') ‖ S(x')) + (1 - λ) KL(T(x) ‖ S(x)) ), λ = 1
    inner:  KL(T(x') ‖ S(x')), from Gaussian(0.001), the gradient flowing through the teacher as well

No labels. ``AdaAD(inner=StudentCE())`` is the row "w/o T_in" of IGDM's Table 3: the attack without the teacher, at a
fraction of the cost.

Deviations: the authors' code averages over classes too on CIFAR-10 (a factor 0.1: ``scale=0.1``) and not on CIFAR-100;
the IGDM code does not. Both codes evaluate S(x) and T(x) at λ = 1 too, where they serve only BatchNorm: the authors'
makes S(x), S(x'), ``AdaAD(bn_parity=(0, 1))``; IGDM's S(x + δ), S(x), S(x - δ), S(x'),
``AdaAD(bn_parity=(1, 0, -1, 1)) + IGDM(alpha=70)``.
"""

from __future__ import annotations

from robustill.attacks.starts import Gaussian, Start
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl
from robustill.objectives.inner import TeacherAdversarialKL
from robustill.objectives.line import Line
from robustill.types import PerSample


class AdaAD(Method):
    """The student follows the teacher at the image where the two differ most."""

    adversarial_weight: float = 1.0
    scale: float = 1.0
    inner: InnerLoss = TeacherAdversarialKL()
    start: Start = Gaussian(0.001)

    def __post_init__(self) -> None:
        if not 0 <= self.adversarial_weight <= 1 or not 0 < self.scale < float("inf"):
            raise ValueError(
                f"AdaAD requires an adversarial_weight (λ) in [0, 1] and a positive, finite scale. "
                f"Found: adversarial_weight={self.adversarial_weight}, scale={self.scale}."
            )

    def outer(self, line: Line) -> PerSample:
        loss = self.adversarial_weight * kl(line.teacher(1), line.student(1))
        if self.adversarial_weight < 1:
            loss = loss + (1 - self.adversarial_weight) * kl(line.teacher(0), line.student(0))
        return self.scale * loss
