"""Madry, Makelov, Schmidt, Tsipras, Vladu: Towards Deep Learning Models Resistant to Adversarial Attacks.
ICLR 2018, arXiv 1706.06083.

    outer:  CE(S(x'), y)            inner:  CE(S(x'), y), from a uniform point of the budget

Adversarial training without a teacher. Deviations: the attack runs in eval mode, as in the later distillation codes;
robust_overfitting's code attacks in train mode, ``PGDAT(attack_mode="train")``.
"""

from __future__ import annotations

from robustill.attacks.starts import Start, Uniform
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.inner import StudentCE
from robustill.objectives.line import Line
from robustill.types import PerSample


class PGDAT(Method):
    """PGD adversarial training, the baseline without a teacher."""

    inner: InnerLoss = StudentCE()
    start: Start = Uniform()

    def outer(self, line: Line) -> PerSample:
        return line.cross_entropy(line.student(1))
