"""Zhu, Yao, Han, Zhang, Liu, Niu, Zhou, Xu, Yang: Reliable Adversarial Distillation with Unreliable Teachers.
ICLR 2022, arXiv 2106.04928. (IAD-I; IAD-II is IAD2.)

    outer:  w · τ² KL(T(x)/τ ‖ S(x')/τ) + (1 - w) · KL(S(x) ‖ S(x')),    w = p_T(y | x')^trust, trust = 0.1, τ = 1
    inner:  CE(S(x'), y), from a uniform point of the budget

The student relies on itself where the teacher does not know the adversarial image. During the first ``begin`` of the
run w is 1: 0.3 leaves out the first 60 of 200 epochs, their ``epoch >= 60`` counted from 0. The target S(x) is not
detached, in their code as here; ``trust`` is their β.

Deviations, as the authors' code has them: the teacher's term is not weighted (``weighted_teacher=False``); the attack
runs in train mode, of which the paper does not speak, from a start that is not clipped; S(x') is evaluated twice and
S(x) once more than needed, for BatchNorm alone. Together::

    IAD(weighted_teacher=False, attack_mode="train", start=Uniform(clip=False),
        bn_parity=Switched(begin=0.3, before=(1, 1, 0), after=(1, 1, 0, 0)))

Its second learning-rate decay has no effect either. IGDM released no code of its IAD.
"""

from __future__ import annotations

from torch.nn import functional as F

from robustill.attacks.starts import Start, Uniform
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl, softened_kl
from robustill.objectives.inner import StudentCE
from robustill.objectives.line import Line
from robustill.objectives.ramps import begun, check_begin
from robustill.types import PerSample


class IAD(Method):
    """The student follows the teacher where the teacher knows the adversarial image, and itself elsewhere."""

    trust: float = 0.1
    begin: float = 0.3
    temperature: float = 1.0
    weighted_teacher: bool = True
    inner: InnerLoss = StudentCE()
    start: Start = Uniform()

    def __post_init__(self) -> None:
        check_introspection(self, self.trust, self.begin, self.temperature)

    def outer(self, line: Line) -> PerSample:
        imitation = softened_kl(line.teacher(0), line.student(1), self.temperature)
        if not begun(line.progress, self.begin):
            return imitation
        w = trusted(line, self.trust)
        introspection = (1 - w) * kl(line.student(0), line.student(1))
        return (w * imitation if self.weighted_teacher else imitation) + introspection


def trusted(line: Line, trust: float) -> PerSample:
    """p_T(y | x')^trust, a constant in [0, 1]; by way of its logarithm, which a sure teacher does not underflow."""
    log_p = F.log_softmax(line.teacher(1), 1).gather(1, line.y[:, None]).squeeze(1)
    return (trust * log_p).exp()


def check_introspection(method: Method, trust: float, begin: float, temperature: float) -> None:
    """Refuses a negative ``trust``, a temperature that is not positive and a ``begin`` that no epoch reaches."""
    check_begin(method, begin)
    if not 0 <= trust < float("inf") or not 0 < temperature < float("inf"):
        raise ValueError(
            f"{type(method).__name__} requires a trust of at least 0 and a positive temperature. "
            f"Found: trust={trust}, temperature={temperature}."
        )
