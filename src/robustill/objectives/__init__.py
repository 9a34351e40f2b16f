"""What the student descends, and what the attack climbs.

Everything that adversarial distillation evaluates lies on one line through the image, ``x + c·δ`` with δ the
perturbation the attack found: c = 0 is clean, c = 1 adversarial, c = β and c = -γ belong to IGDM. A :class:`Line`
holds a batch, its δ and both networks' logits at the points of that line, each computed once, when first asked for.
Objectives are small classes that ask the line for logits and return one loss per image, so terms that know nothing of
each other share what they evaluate::

    >>> from robustill import IGDM, RSLAD
    >>> method = RSLAD() + IGDM(alpha=10)      # 3 student and 3 teacher forwards, not 4 and 4

How much each image counts is a part too: ``RSLAD(weight=EntropyWeight()) + IGDM(alpha=10)``.
"""

from robustill.objectives.base import InnerLoss, Method, Objective
from robustill.objectives.batch_norm import Switched
from robustill.objectives.direct_gradient import DirectGradient
from robustill.objectives.divergences import cross_entropy, kl, l1, softened_kl, squared_l2
from robustill.objectives.igdm import IGDM, igdm
from robustill.objectives.inner import (
    LinearisedTeacherKL,
    StudentCE,
    StudentKL,
    TeacherAdversarialKL,
    TeacherCleanKL,
)
from robustill.objectives.line import Line
from robustill.objectives.points import Points
from robustill.objectives.ramps import Constant, Linear, Ramp, Step
from robustill.objectives.remembered import Remembered
from robustill.objectives.trace import trace
from robustill.objectives.weights import EntropyWeight, SampleWeight, renyi_entropy

__all__ = [
    "IGDM",
    "Constant",
    "DirectGradient",
    "EntropyWeight",
    "InnerLoss",
    "Line",
    "Linear",
    "LinearisedTeacherKL",
    "Method",
    "Objective",
    "Points",
    "Ramp",
    "Remembered",
    "SampleWeight",
    "Step",
    "StudentCE",
    "StudentKL",
    "Switched",
    "TeacherAdversarialKL",
    "TeacherCleanKL",
    "cross_entropy",
    "igdm",
    "kl",
    "l1",
    "renyi_entropy",
    "softened_kl",
    "squared_l2",
    "trace",
]
