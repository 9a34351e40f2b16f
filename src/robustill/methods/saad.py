"""Lee, Chung: Sample-wise Adaptive Weighting for Transfer Consistency in Adversarial Distillation.
TMLR 2026, arXiv 2512.10275.

    outer:  w · ( KL(T(x') ‖ S(x')) + IGDM ) + β (1 - ŵ) · KL(T(x) ‖ S(x)),    w, ŵ: EntropyWeight
    inner:  KL(T̃(x') ‖ S(x')), T̃ the teacher's logits at x with the true class's shifted along its gradient; from
            Gaussian(0.001)

The IGDM term is added as to every method, and weighted with the rest: the paper's SAAD is ``SAAD() + IGDM(alpha=1)`` on
CIFAR-10, with 20 on CIFAR-100 (10 in a comment of the code) and 10 on Tiny-ImageNet; SAAD-C has β = 0.2 on CIFAR-10,
0.5 elsewhere, ``SAAD(weight=EntropyWeight(clean=0.2))``. It trains with ``average=SWA(begin=0.47)``, from epoch 95 of
200.

Deviations of the authors' code: IGDM at x ± δ, where Eq. 11 has x + δ and x (``IGDM(gamma=0)``); ŵ within the
batch (``weight=EntropyWeight(normalize="batch")``); weight decay 2e-4 for the paper's 5e-4; with β = 0 it still
evaluates S(x), after S(x') and S(x - δ), for BatchNorm alone: ``bn_parity=(1, -1, 0)``.
"""

from __future__ import annotations

from robustill.attacks.starts import Gaussian, Start
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl
from robustill.objectives.inner import LinearisedTeacherKL
from robustill.objectives.line import Line
from robustill.objectives.weights import EntropyWeight, SampleWeight
from robustill.types import PerSample


class SAAD(Method):
    """The student follows the teacher most where the attack confuses the teacher too."""

    inner: InnerLoss = LinearisedTeacherKL()
    start: Start = Gaussian(0.001)
    weight: SampleWeight | None = EntropyWeight()

    def outer(self, line: Line) -> PerSample:
        return kl(line.teacher(1), line.student(1))
