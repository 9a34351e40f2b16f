"""Zhu, Yao, Han, Zhang, Liu, Niu, Zhou, Xu, Yang: Reliable Adversarial Distillation with Unreliable Teachers.
ICLR 2022, arXiv 2106.04928. (IAD-II, with a naturally trained second teacher N.)

    outer:  (1 - a - n) · CE(S(x'), y) + a · τ² ( w · KL(T(x')/τ ‖ S(x')/τ) + (1 - w) · KL(S(x) ‖ S(x')) )
            + n · τ² KL(N(x')/τ ‖ S(x')/τ),    w = p_T(y | x')^trust, a = 0.5, n = 0.25, trust = 0.1, τ = 1
    inner:  CE(S(x'), y), from a uniform point of the budget

Both teachers see x', and the robust one's term is weighted, unlike in the code of IAD-I. During the first ``begin`` of
the run w is 1 (0.2: ``epoch >= 40`` of 200, counted from 0).

Deviations: the loss is that of the authors' code, which attacks in train mode, from a start that is not clipped; it
makes no forward for BatchNorm alone::

    IAD2(attack_mode="train", start=Uniform(clip=False))

In one version of it the second term begins at once, ``begin=0.0``.
"""

from __future__ import annotations

from robustill.attacks.starts import Start, Uniform
from robustill.methods.iad import check_introspection, trusted
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl, softened_kl
from robustill.objectives.inner import StudentCE
from robustill.objectives.line import Line
from robustill.objectives.ramps import begun
from robustill.types import PerSample


class IAD2(Method):
    """IAD with labels and a second teacher, trained on clean images."""

    adversarial_weight: float = 0.5
    natural_weight: float = 0.25
    trust: float = 0.1
    begin: float = 0.2
    temperature: float = 1.0
    inner: InnerLoss = StudentCE()
    start: Start = Uniform()

    def __post_init__(self) -> None:
        check_introspection(self, self.trust, self.begin, self.temperature)
        robust, natural = self.adversarial_weight, self.natural_weight
        if not (robust >= 0 and natural >= 0 and robust + natural <= 1):
            raise ValueError(
                "IAD2 requires an adversarial_weight and a natural_weight of at least 0 with a sum of at most 1. "
                f"Found: adversarial_weight={robust}, natural_weight={natural}."
            )

    def outer(self, line: Line) -> PerSample:
        student, tau = line.student(1), self.temperature
        imitation = softened_kl(line.teacher(1), student, tau)
        if begun(line.progress, self.begin):
            w = trusted(line, self.trust)
            imitation = w * imitation + (1 - w) * tau**2 * kl(line.student(0), student)
        natural = softened_kl(line.natural_teacher(1), student, tau)
        labels = 1 - self.adversarial_weight - self.natural_weight
        loss = self.adversarial_weight * imitation + self.natural_weight * natural
        return loss + labels * line.cross_entropy(student) if labels > 0 else loss
