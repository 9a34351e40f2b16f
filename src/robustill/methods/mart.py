"""Wang, Zou, Yi, Bailey, Ma, Gu: Improving Adversarial Robustness Requires Revisiting Misclassified Examples.
ICLR 2020.

    outer:  BCE(S(x'), y) + trade_off · (1 - p_y(x)) · KL(S(x) ‖ S(x')),    p = softmax(S),
            BCE(S(x'), y) = -log p_y(x') - log(1 - p_k(x') + offset), k the likeliest wrong class
    inner:  CE(S(x'), y), from Gaussian(0.001)

No teacher. Gradients flow through every factor. ``trade_off`` is their λ, 5 (the default of their function is 6).

Deviations: the authors' code adds 0.0001 to the second logarithm, ``offset=0.0001``, which takes the gradient away from
images that are as wrong as can be; the paper has 0. Their code also adds 1e-12 and 1e-7 where logarithms and factors
are taken here from log-probabilities and need nothing. It perturbs by 0.031 in steps of 0.007.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from robustill.attacks.starts import Gaussian, Start
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl
from robustill.objectives.inner import StudentCE
from robustill.objectives.line import Line
from robustill.types import Labels, Logits, PerSample


class MART(Method):
    """Adversarial training with a margin, and consistency where the clean image is misclassified."""

    trade_off: float = 5.0
    offset: float = 0.0
    inner: InnerLoss = StudentCE()
    start: Start = Gaussian(0.001)

    def __post_init__(self) -> None:
        if not 0 <= self.trade_off < math.inf or not 0 <= self.offset < 1:
            raise ValueError(
                "MART requires a finite trade_off of at least 0 and an offset in [0, 1). "
                f"Found: trade_off={self.trade_off}, offset={self.offset}."
            )

    def outer(self, line: Line) -> PerSample:
        clean, adversarial = line.student(0), line.student(1)
        error = 1 - F.log_softmax(clean, 1).gather(1, line.y[:, None]).squeeze(1).exp()
        bce = line.cross_entropy(adversarial) - margin(adversarial, line.y, self.offset)
        return bce + self.trade_off * error * kl(clean, adversarial)


def margin(logits: Logits, y: Labels, offset: float) -> PerSample:
    """log(1 - p + offset) with p the largest probability of a wrong class.

    1 - p is the sum of the other probabilities; its logarithm is taken without leaving logarithms, so that p = 1 has
    the finite value of the logits.
    """
    wrong = logits.scatter(1, y[:, None], -math.inf).argmax(1, keepdim=True)
    rest = logits.scatter(1, wrong, -math.inf).logsumexp(1) - logits.logsumexp(1)
    return torch.logaddexp(rest, rest.new_tensor(offset).log()) if offset > 0 else rest
