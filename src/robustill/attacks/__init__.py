"""What searches a budget for the image with the highest loss.

A budget says which perturbations are allowed, in pixels of [0, 1]; an attack searches it::

    >>> from robustill.attacks import PGD, Linf
    >>> attack = PGD(budget=Linf(8/255), steps=20, step_size=2/255)
    >>> x_adv = attack(model, x, y)                                  # doctest: +SKIP

Called with a model, an attack climbs the cross-entropy in eval mode. ``attack.maximize(loss, x)`` climbs any loss of
the image; that is how a training method attacks with its own inner loss. Attacks leave modes, parameters and
``.grad`` as found.
"""

from robustill.attacks.base import Attack, frozen
from robustill.attacks.budgets import L1, L2, Budget, Linf
from robustill.attacks.clean import Clean
from robustill.attacks.pgd import PGD
from robustill.attacks.starts import Gaussian, Start, Uniform, Zero

__all__ = ["PGD", "L1", "L2", "Attack", "Budget", "Clean", "Gaussian", "Linf", "Start", "Uniform", "Zero", "frozen"]
