"""Inner losses: what the attack climbs, at the candidate x'. The student's mode is ``Method.attack_mode``."""

from __future__ import annotations

from robustill.objectives.base import InnerLoss
from robustill.objectives.divergences import cross_entropy, kl
from robustill.objectives.line import Line
from robustill.types import Images, PerSample


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
