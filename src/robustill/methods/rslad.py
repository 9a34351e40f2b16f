"""Zi, Zhao, Ma, Jiang: Revisiting Adversarial Robustness Distillation: Robust Soft Labels Make Student Better.
ICCV 2021, arXiv 2108.07969.

    outer:  scale · ( 5/6 KL(T(x) ‖ S(x')) + 1/6 KL(T(x) ‖ S(x)) )
    inner:  KL(T(x) ‖ S(x')), from Gaussian(0.001)

No labels.

Deviations: the paper has no scale, ``scale=1.0``; the authors' code averages over classes too, which is a factor 0.1
on CIFAR-10 and, with the correction that its README asks for, on CIFAR-100. The published α of RSLAD + IGDM and the
learning rates belong to 0.1, so that is the default. The IGDM code evaluates S(x + δ) again after S(x'):
``RSLAD(bn_parity=(1, 1, 0, -1)) + IGDM(alpha=10)``.
"""

from __future__ import annotations

from robustill.attacks.starts import Gaussian, Start
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl
from robustill.objectives.inner import TeacherCleanKL
from robustill.objectives.line import Line
from robustill.types import PerSample


class RSLAD(Method):
    """The teacher's clean prediction is the target on both the adversarial and the clean image."""

    adversarial_weight: float = 5 / 6
    scale: float = 0.1
    inner: InnerLoss = TeacherCleanKL()
    start: Start = Gaussian(0.001)

    def __post_init__(self) -> None:
        if not 0 <= self.adversarial_weight <= 1 or not 0 < self.scale < float("inf"):
            raise ValueError(
                f"RSLAD requires an adversarial_weight in [0, 1] and a positive, finite scale. "
                f"Found: adversarial_weight={self.adversarial_weight}, scale={self.scale}."
            )

    def outer(self, line: Line) -> PerSample:
        target = line.teacher(0)
        adversarial = self.adversarial_weight * kl(target, line.student(1))
        clean = (1 - self.adversarial_weight) * kl(target, line.student(0))
        return self.scale * (adversarial + clean)
