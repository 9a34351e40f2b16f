"""Huang, Chen, Wang, Lu, Cheng, Wang: Boosting Accuracy and Robustness of Student Models via Adaptive Adversarial
Distillation. CVPR 2023. (AdaIAD: AdaAD with the introspection of IAD.)

    outer:  τ² KL(T(x')/τ ‖ S(x')/τ) + (1 - w) · KL(S(x) ‖ S(x')),    w = p_T(y | x')^trust, trust = 0.1, τ = 30
    inner:  KL(T(x') ‖ S(x')), from Gaussian(0.001), the gradient flowing through the teacher as well

During the first ``begin`` of the run the second term is left out: 0.3 is ``epoch >= 60`` of 200, counted from 0.

Deviations: the loss is that of the authors' code. IAD's paper weights the teacher's term by w, and this code does not
(``weighted_teacher=True`` does). The code evaluates S(x) more often than needed, for BatchNorm alone::

    AdaIAD(bn_parity=Switched(begin=0.3, before=(0, 1, 0), after=(0, 1, 0, 0)))
"""

from __future__ import annotations

from robustill.attacks.starts import Gaussian, Start
from robustill.methods.iad import check_introspection, trusted
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl, softened_kl
from robustill.objectives.inner import TeacherAdversarialKL
from robustill.objectives.line import Line
from robustill.objectives.ramps import begun
from robustill.types import PerSample


class AdaIAD(Method):
    """AdaAD, and the student's own clean prediction where the teacher does not know the adversarial image."""

    trust: float = 0.1
    begin: float = 0.3
    temperature: float = 30.0
    weighted_teacher: bool = False
    inner: InnerLoss = TeacherAdversarialKL()
    start: Start = Gaussian(0.001)

    def __post_init__(self) -> None:
        check_introspection(self, self.trust, self.begin, self.temperature)

    def outer(self, line: Line) -> PerSample:
        imitation = softened_kl(line.teacher(1), line.student(1), self.temperature)
        if not begun(line.progress, self.begin):
            return imitation
        w = trusted(line, self.trust)
        introspection = (1 - w) * kl(line.student(0), line.student(1))
        return (w * imitation if self.weighted_teacher else imitation) + introspection
