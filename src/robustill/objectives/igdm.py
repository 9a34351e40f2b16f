"""Lee, Cho, Kim: Indirect Gradient Matching for Adversarial Robust Distillation. ICLR 2025, arXiv 2312.03286.

    L_IGDM = T(α) · D( f_S(x + βδ) - f_S(x - γδ),  f_T(x + βδ) - f_T(x - γδ) )                                  (Eq. 8)

A robust network is almost linear around an image, so the difference of its logits along δ is its input gradient times
(β + γ)·δ; matching the differences matches the gradients, without a second backward pass.

D is KL of the softmax of the *differences*, teacher as target, without temperature, as in the authors' code; squared
L2 and L1 compare the differences themselves. The ICLR version fixes β = γ = 1. T(α) = α · epoch / epochs; the code's
fixed divisors (200 or 300 epochs) agree with that only in runs of that length. x - γδ may leave [0, 1] and is never
clipped: the differences must be taken on one straight line. On the linear network f(x) = Wx, D = squared L2 is
(β+γ)²·‖(W_S - W_T)δ‖². A term whose weight is 0 evaluates nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from robustill.objectives.base import Objective
from robustill.objectives.divergences import kl, l1, squared_l2
from robustill.objectives.line import Line
from robustill.objectives.ramps import Linear, Ramp
from robustill.types import Logits, PerSample

Distance = Callable[[Logits, Logits], PerSample]
DISTANCES: dict[str, Distance] = {"kl": kl, "squared_l2": squared_l2, "l1": l1}


def igdm(s_plus: Logits, s_minus: Logits, t_plus: Logits, t_minus: Logits, *, distance: Distance = kl) -> PerSample:
    """Eq. 8 without its weight, on plain logits: student and teacher (s, t) at x + βδ (plus) and x - γδ (minus)."""
    return distance(t_plus - t_minus, s_plus - s_minus)


class IGDM(Objective):
    """The Indirect Gradient Distillation Module, to be added to any method: ``AdaAD() + IGDM(alpha=70)``.

    Attributes:
        alpha: the weight at the end of the ramp. It has a meaning only together with the scale of the base loss.
        beta, gamma: the two points x + βδ and x - γδ.
        ramp: the growth of the weight over training.
        distance: D, one of "kl", "squared_l2" and "l1".
        direction: "delta", or "uniform" for the ablation: uniform noise in the place of δ, of its length in L2.
        target: "teacher", or "zero" for the ablation: D to a teacher whose difference is zero ("TRADES-like": with KL,
            the student's difference shall be the same for all classes). The teacher is not asked then.
    """

    alpha: float
    beta: float = 1.0
    gamma: float = 1.0
    ramp: Ramp = Linear()
    distance: Literal["kl", "squared_l2", "l1"] = "kl"
    direction: Literal["delta", "uniform"] = "delta"
    target: Literal["teacher", "zero"] = "teacher"

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise ValueError(f"IGDM requires a finite alpha of at least 0. Found: {self.alpha}.")
        if self.beta < 0 or self.gamma < 0 or not 0 < self.beta + self.gamma < float("inf"):
            raise ValueError(
                f"IGDM requires beta and gamma of at least 0 that are not both 0. "
                f"Found: beta={self.beta}, gamma={self.gamma}."
            )
        for name, value, known in (
            ("distance", self.distance, tuple(DISTANCES)),
            ("direction", self.direction, ("delta", "uniform")),
            ("target", self.target, ("teacher", "zero")),
        ):
            if value not in known:
                raise ValueError(f"IGDM requires a {name} among {', '.join(known)}. Found: {value!r}.")

    def __call__(self, line: Line) -> PerSample:
        weight = self.alpha * self.ramp(line.progress)
        if weight == 0:
            return line.zeros()
        if self.direction == "uniform":
            line = line.aside()
        s_plus, s_minus = line.student(self.beta), line.student(-self.gamma)
        if self.target == "teacher":
            t_plus, t_minus = line.teacher(self.beta), line.teacher(-self.gamma)
        else:
            t_plus = t_minus = torch.zeros_like(s_plus)
        return weight * igdm(s_plus, s_minus, t_plus, t_minus, distance=DISTANCES[self.distance])
