"""Zhang, Yu, Jiao, Xing, El Ghaoui, Jordan: Theoretically Principled Trade-off between Robustness and Accuracy.
ICML 2019, arXiv 1901.08573.

    outer:  CE(S(x), y) + trade_off · KL(S(x) ‖ S(x'))            inner:  KL(S(x) ‖ S(x')), from Gaussian(0.001)

No teacher. The target S(x) of the outer loss is not detached, as in the authors' code: detaching it costs points of
AutoAttack accuracy. ``trade_off`` is their β (that letter is IGDM's here).

Deviations: the authors' code evaluates S(x) twice in the outer step; the second forward serves only BatchNorm,
``TRADES(bn_parity=(0, 1, 0))``. It perturbs by 0.031 in steps of 0.007.
"""

from __future__ import annotations

from robustill.attacks.starts import Gaussian, Start
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl
from robustill.objectives.inner import StudentKL
from robustill.objectives.line import Line
from robustill.types import PerSample


class TRADES(Method):
    """Cross-entropy on the clean image, consistency between the clean and the adversarial one."""

    trade_off: float = 6.0
    inner: InnerLoss = StudentKL()
    start: Start = Gaussian(0.001)

    def __post_init__(self) -> None:
        if not 0 <= self.trade_off < float("inf"):
            raise ValueError(f"TRADES requires a finite trade_off of at least 0. Found: {self.trade_off}.")

    def outer(self, line: Line) -> PerSample:
        clean = line.student(0)
        return line.cross_entropy(clean) + self.trade_off * kl(clean, line.student(1))
