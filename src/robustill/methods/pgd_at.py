"""Madry, Makelov, Schmidt, Tsipras, Vladu: Towards Deep Learning Models Resistant to Adversarial Attacks.
ICLR 2018, arXiv 1706.06083.

    outer:  CE(S(x'), y)            inner:  CE(S(x'), y), from a uniform point of the budget

Adversarial training without a teacher.

Deviations of robust_overfitting, the code that is most used: it attacks in train mode (here in eval mode, as the later
distillation codes do) and evaluates S(x') once more after the attack, for BatchNorm alone::

    PGDAT(attack_mode="train", bn_parity=(1, 1))

It also evaluates S(x) in train mode after every step of the optimizer, for its log; the running statistics that this
leaves are not reproduced.
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
