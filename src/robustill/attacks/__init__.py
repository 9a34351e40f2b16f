"""What searches a budget for the image with the highest loss.

A budget says which perturbations are allowed, in pixels of [0, 1]; an attack searches it::

    >>> from robustill.attacks import PGD, Ascent, AutoAttack, Linf, Margin
    >>> attack = PGD(budget=Linf(8/255), steps=20, step_size=2/255)
    >>> x_adv = attack(model, x, y)                                  # doctest: +SKIP

Called with a model, an attack climbs the cross-entropy in eval mode. ``attack.maximize(loss, x)`` climbs any loss of
the image; that is how a training method attacks with its own inner loss. Attacks leave modes, parameters and
``.grad`` as found.

To measure, an adversary need not climb one loss: it is anything called with a model, images and labels::

    >>> AutoAttack(budget=Linf(8/255))(model, x, y)                  # doctest: +SKIP
    >>> Ascent(attack=attack, loss=Margin(), restarts=5)             # Carlini and Wagner's margin, five starts
    Ascent(attack=PGD(budget=Linf(8/255), steps=20, step_size=2/255), loss=Margin(), restarts=5)

Anybody's attack is a function of the three: ``Foreign`` looks after the model, the random state and the rules::

    >>> Foreign(function=somebodys_attack, budget=Linf(8/255), name="somebody's")(model, x, y)  # doctest: +SKIP
"""

from robustill.attacks.apgd import APGD, TargetedAPGD
from robustill.attacks.ascent import Ascent
from robustill.attacks.autoattack import AutoAttack, Staged
from robustill.attacks.base import Adversary, Attack, frozen
from robustill.attacks.budgets import L1, L2, Budget, Linf
from robustill.attacks.clean import Clean
from robustill.attacks.fab import TargetedFAB
from robustill.attacks.fgsm import FGSM
from robustill.attacks.foreign import Foreign
from robustill.attacks.losses import DLR, CrossEntropy, LogitLoss, Margin, TargetedDLR, TargetedLoss, TargetedMargin
from robustill.attacks.noise import UniformNoise
from robustill.attacks.pgd import PGD
from robustill.attacks.reference import Reference
from robustill.attacks.square import Square
from robustill.attacks.starts import Gaussian, Start, Uniform, Zero
from robustill.attacks.transfer import Transfer
from robustill.attacks.vmi_fgsm import VMIFGSM

__all__ = [
    "APGD",
    "DLR",
    "FGSM",
    "L1",
    "L2",
    "PGD",
    "VMIFGSM",
    "Adversary",
    "Ascent",
    "Attack",
    "AutoAttack",
    "Budget",
    "Clean",
    "CrossEntropy",
    "Foreign",
    "Gaussian",
    "Linf",
    "LogitLoss",
    "Margin",
    "Reference",
    "Square",
    "Staged",
    "Start",
    "TargetedAPGD",
    "TargetedDLR",
    "TargetedFAB",
    "TargetedLoss",
    "TargetedMargin",
    "Transfer",
    "Uniform",
    "UniformNoise",
    "Zero",
    "frozen",
]
