"""What published code spends on a training step: facts about other people's repositories, to compare ours with.

Their passes are data here because their code is not; a test counts them in the steps that are re-typed from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from robustill.component import spelled
from robustill.cost import Cost, Passes
from robustill.objectives import IGDM, Method
from robustill.objectives.ramps import begun

FORWARD = Passes(forwards=1)
CLIMB = Passes(forwards=1, backwards=1)
LEARN = Passes(forwards=1, backwards=1, to_weights=1)


@dataclass(frozen=True, kw_only=True)
class Published:
    """The passes of one training step of somebody's code, per image.

    Attributes:
        code: whose.
        attack_step, attack_step_teacher: in each step of the attack.
        attack, attack_teacher: what the attack takes besides.
        student, teacher, natural_teacher: the outer step.
        surplus: what of it neither the loss nor its gradients need; empty where there is none.
    """

    code: str
    attack_step: Passes = CLIMB
    attack_step_teacher: Passes = Passes()
    attack: Passes = Passes()
    attack_teacher: Passes = Passes()
    student: Passes
    teacher: Passes = Passes()
    natural_teacher: Passes = Passes()
    surplus: str = ""

    def cost(self, steps: int) -> Cost:
        """With an attack of so many steps."""
        return Cost(
            inner_student=self.attack + self.attack_step * steps,
            inner_teacher=self.attack_teacher + self.attack_step_teacher * steps,
            outer_student=self.student,
            outer_teacher=self.teacher,
            natural_teacher=self.natural_teacher,
        )


PUBLISHED = {
    "PGDAT": Published(
        code="robust_overfitting",
        attack_step=LEARN,
        attack=FORWARD,
        student=LEARN + FORWARD,
        surplus="weight gradients in the attack, S(x') after it, S(x) after the step for a log",
    ),
    "TRADES": Published(
        code="the authors' code",
        attack_step=CLIMB + FORWARD,
        student=LEARN * 3,
        surplus="S(x) in each step of the attack, S(x) twice after it",
    ),
    "MART": Published(code="the authors' code", student=LEARN * 2),
    "ARD": Published(
        code="the authors' code",
        student=LEARN * 2,
        teacher=FORWARD,
        surplus="S(x), in a cross-entropy of weight 0",
    ),
    "ARD + IGDM": Published(
        code="IGDM's code",
        student=LEARN * 3,
        teacher=FORWARD * 3,
        surplus="S(x), in a cross-entropy of weight 0",
    ),
    "IAD": Published(
        code="the authors' code",
        student=LEARN * 3 + FORWARD,
        teacher=FORWARD * 2,
        surplus="S(x') twice, S(x) in a cross-entropy of weight 0",
    ),
    "IAD2": Published(
        code="the authors' code",
        student=LEARN * 2,
        teacher=FORWARD * 2,
        natural_teacher=FORWARD,
        surplus="T(x') twice",
    ),
    "RSLAD": Published(code="the authors' code", attack_teacher=FORWARD, student=LEARN * 2),
    "RSLAD + IGDM": Published(
        code="IGDM's code",
        attack_teacher=FORWARD,
        student=LEARN * 4,
        teacher=FORWARD * 3,
        surplus="T(x) again, S(x + δ) beside S(x')",
    ),
    "AdaAD": Published(
        code="the authors' code",
        attack_step_teacher=CLIMB,
        student=LEARN * 2,
        teacher=FORWARD * 2,
        surplus="S(x) and T(x), in a term of weight 0",
    ),
    "AdaAD + IGDM": Published(
        code="IGDM's code",
        attack_step_teacher=CLIMB,
        student=LEARN * 4,
        teacher=FORWARD * 4,
        surplus="S(x) and T(x), in a term of weight 0, S(x + δ) and T(x + δ) beside S(x') and T(x')",
    ),
    "AdaIAD": Published(
        code="AdaAD's code",
        attack_step_teacher=CLIMB,
        student=LEARN * 3 + FORWARD,
        teacher=FORWARD + LEARN,
        surplus="T(x') twice, the gradient of T's weights, S(x) for nothing and in a cross-entropy of weight 0",
    ),
    "SAAD + IGDM": Published(
        code="the authors' code",
        attack_teacher=CLIMB,
        student=LEARN * 3,
        teacher=FORWARD * 3,
        surplus="S(x) and T(x), in a term that has no weight in SAAD; T(x) is in the attack already",
    ),
}
"""By the name of the method, with or without IGDM. IGDM's paper has more combinations than its code."""

BEFORE_BEGIN = {
    "IAD": Published(
        code="the authors' code",
        student=LEARN * 2 + FORWARD,
        teacher=FORWARD * 2,
        surplus="S(x') twice, T(x'), S(x) in a cross-entropy of weight 0",
    ),
    "IAD2": Published(
        code="the authors' code",
        student=LEARN,
        teacher=FORWARD * 2,
        natural_teacher=FORWARD,
        surplus="T(x') twice",
    ),
    "AdaIAD": Published(
        code="AdaAD's code",
        attack_step_teacher=CLIMB,
        student=LEARN * 2 + FORWARD,
        teacher=FORWARD + LEARN,
        surplus="T(x') twice, the gradient of T's weights, S(x) for nothing and in a cross-entropy of weight 0",
    ),
}
"""The same in the epochs that a method's ``begin`` leaves out."""


def published(method: Method, progress: float = 1.0) -> Published | None:
    """The published code of a method with its terms; None where there is none, as for most variants and combinations.

    A method with another inner loss or weight than its own, or with other terms than one IGDM, is nobody's code.
    """
    name = spelled(type(method)) + (" + IGDM" if method.terms else "")
    if name not in PUBLISHED or not _as_published(method):
        return None
    waits = not begun(progress, getattr(method, "begin", 0.0))
    return BEFORE_BEGIN[name] if waits else PUBLISHED[name]


def _as_published(method: Method) -> bool:
    own = type(method)()  # type: ignore[call-arg]  # every published method has defaults
    kinds = [(type(chosen.inner), type(chosen.weight)) for chosen in (method, own)]
    return kinds[0] == kinds[1] and (not method.terms or _is_igdm(method))


def _is_igdm(method: Method) -> bool:
    match method.terms:
        case (IGDM(direction="delta", target="teacher"),):
            return True
    return False
