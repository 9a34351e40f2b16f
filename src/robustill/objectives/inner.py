"""Inner losses: what the attack climbs, at the candidate x'. The student's mode is ``Method.attack_mode``."""

from __future__ import annotations

from robustill.objectives.base import InnerLoss
from robustill.objectives.divergences import cross_entropy, kl
from robustill.objectives.line import Line
from robustill.types import Images, Labels, Logits, PerSample


class StudentCE(InnerLoss):
    """CE(S(x'), y): PGD-AT, ARD, IAD, and the "w/o T_in" rows of IGDM's Table 3. The teacher is not asked."""

    def __call__(self, line: Line, x_adv: Images) -> PerSample:
        return cross_entropy(line.student_at(x_adv), line.y)


class StudentKL(InnerLoss):
    """KL(S(x) ‖ S(x')): TRADES. S(x) is a constant of the search. Zero at x' = x: start from noise."""

    def __call__(self, line: Line, x_adv: Images) -> PerSample:
        return kl(line.student(0), line.student_at(x_adv))


class TeacherCleanKL(InnerLoss):
    """KL(T(x) ‖ S(x')): RSLAD. T(x) is evaluated once, for the search and for the outer loss."""

    def __call__(self, line: Line, x_adv: Images) -> PerSample:
        return kl(line.teacher(0), line.student_at(x_adv))


class TeacherAdversarialKL(InnerLoss):
    """KL(T(x') ‖ S(x')): AdaAD. The gradient flows through the target too; detaching it makes a weaker attack."""

    def __call__(self, line: Line, x_adv: Images) -> PerSample:
        return kl(line.teacher_at(x_adv), line.student_at(x_adv))


class LinearisedTeacherKL(InnerLoss):
    """KL(T̃(x') ‖ S(x')): SAAD's stand-in for AdaAD's, at one teacher pass a batch instead of one a step.

    T̃(x') is T(x) with the logit of the true class y moved by slope · ⟨∇ₓ T_y(x), x' - x⟩; the gradient flows through
    that shift.

    Attributes:
        slope: λ of the paper; 0 leaves RSLAD's inner loss.
    """

    slope: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.slope < float("inf"):
            raise ValueError(f"LinearisedTeacherKL requires a finite slope of at least 0. Found: {self.slope}.")

    def __call__(self, line: Line, x_adv: Images) -> PerSample:
        gradient = line.teacher_gradient(true_logit)
        shift = self.slope * (gradient * (x_adv - line.x)).flatten(1).sum(1, keepdim=True)
        target = line.teacher(0).scatter_add(1, line.y[:, None], shift)
        return kl(target, line.student_at(x_adv))


def true_logit(logits: Logits, y: Labels) -> PerSample:
    """The logit of the true class."""
    return logits.gather(1, y[:, None]).squeeze(1)
