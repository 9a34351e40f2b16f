"""Goldblum, Fowl, Feizi, Goldstein: Adversarially Robust Distillation. AAAI 2020, arXiv 1905.09747.

    outer:  α · scale · T² KL(T(x)/T ‖ S(x')/T) + (1 - α) · CE(S(x), y), T = 30, α = 1
    inner:  CE(S(x'), y), from a uniform point of the budget

``imitation`` is α.

Deviations, as the authors' code has them: the KL is averaged over classes too, a factor of one over
their number, ``scale=0.1`` on CIFAR-10 and ``scale=0.01`` on CIFAR-100 (the paper's plain KL is ``scale=1``); the
attack runs in train mode, of which the paper does not speak, from a start that is not clipped; S(x) is evaluated at
α = 1 too, where it serves only BatchNorm. Together::

    ARD(scale=0.1, attack_mode="train", start=Uniform(clip=False), bn_parity=(1, 0))

Its second learning-rate decay has no effect either (0.1, then 0.01 from epoch 100 to the end). The code of IGDM, whose
tables are this library's, is another method: T = 1, attack in eval mode, and x + δ, x, x - δ evaluated in this order,
``ARD(temperature=1.0, bn_parity=(1, 0, -1)) + IGDM(alpha=100)``; the published α of ARD + IGDM belong to it.
"""

from __future__ import annotations

from robustill.attacks.starts import Start, Uniform
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import softened_kl
from robustill.objectives.inner import StudentCE
from robustill.objectives.line import Line
from robustill.types import PerSample


class ARD(Method):
    """At the adversarial image the student follows the teacher's softened prediction of the clean one."""

    imitation: float = 1.0
    temperature: float = 30.0
    scale: float = 1.0
    inner: InnerLoss = StudentCE()
    start: Start = Uniform()

    def __post_init__(self) -> None:
        check_imitation(self, self.imitation, self.temperature)
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"ARD requires a positive, finite scale. Found: {self.scale}.")

    def outer(self, line: Line) -> PerSample:
        loss = self.imitation * self.scale * softened_kl(line.teacher(0), line.student(1), self.temperature)
        if self.imitation < 1:
            loss = loss + (1 - self.imitation) * line.cross_entropy(line.student(0))
        return loss


def check_imitation(method: Method, imitation: float, temperature: float) -> None:
    """Refuses a share of the teacher outside [0, 1] and a temperature that is not positive."""
    if not 0 <= imitation <= 1 or not 0 < temperature < float("inf"):
        raise ValueError(
            f"{type(method).__name__} requires an imitation (α) in [0, 1] and a positive temperature. "
            f"Found: imitation={imitation}, temperature={temperature}."
        )
