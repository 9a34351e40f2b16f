"""Anybody's attack, as a plain function; what it returns is believed only as far as it keeps the rules.

    >>> from robustill.attacks import Foreign, Linf

torchattacks builds an attack around a network::

    >>> def pgd(model, x, y):
    ...     return torchattacks.PGD(model, eps=8/255, alpha=2/255, steps=20)(x, y)
    >>> Foreign(function=pgd, budget=Linf(8/255), name="torchattacks PGD-20")
    Foreign(budget=Linf(8/255), name='torchattacks PGD-20')

foolbox wants a network that knows its range, and returns three things::

    >>> def pgd(model, x, y):
    ...     network = foolbox.PyTorchModel(model, bounds=(0, 1))
    ...     return foolbox.attacks.LinfPGD(steps=20)(network, x, y, epsilons=8/255)[1]

The functions of adv-lib are called as they are here: ``functools.partial(adv_lib.attacks.apgd, eps=8/255, norm=inf)``.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from robustill.attacks.base import Adversary
from robustill.attacks.budgets import TOLERANCE, Budget
from robustill.attacks.search import column
from robustill.attacks.untouched import untouched
from robustill.types import Images, Labels

Function = Callable[[nn.Module, Tensor, Tensor], Any]
"""Called with the model, images in [0, 1] and labels; gives images of the same shape."""


class Foreign(Adversary):
    """An attack that is not of this library.

    It is called with the model in eval mode and may change modes, parameters, ``.grad`` and the global generators:
    all are restored. Its noise follows the generator of the call, as the global generators are seeded from it.

    An image that it returns and that is not finite, not in [0, 1] or not in the budget does not count: the image
    itself takes its place, and one warning says how many there were, and the worst. Whether the model errs on an image
    is for whoever asked to see. It cannot be built from text alone, as a function has none.

    Attributes:
        function: the attack; no part of text or equality.
        budget: what it must keep to.
        name: what it is called in results.
    """

    function: Function = dataclasses.field(repr=False, compare=False)
    budget: Budget
    name: str

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        """Raises ValueError where the function cannot be called, or returns anything but images of their shape."""
        x = x.detach()
        with untouched(model, _seed(generator)):
            try:
                found = self.function(model, x.clone(), y.clone())
            except (TypeError, AttributeError) as error:
                raise ValueError(
                    f"{self.name} must take (model, x, y), a network, images in [0, 1] and labels. Found: it fails "
                    f"({type(error).__name__}: {error}). ROBUSTILL_TRACEBACK=1 shows where."
                ) from error
        if not isinstance(found, Tensor) or found.shape != x.shape or not found.is_floating_point():
            raise ValueError(
                f"{self.name} must return images as floats, in a tensor of the shape {tuple(x.shape)}. "
                f"Found: {_described(found)}. Put a function around it that takes (model, x, y) and returns x_adv."
            )
        return self._believed(x, found.detach().to(x))

    def _believed(self, x: Images, found: Images) -> Images:
        x_adv = found.clamp(0, 1)
        finite = found.isfinite().flatten(1).all(1)
        outside = (found - x_adv).flatten(1).abs().amax(1)
        kept = finite & (outside <= TOLERANCE) & self.budget.holds(x_adv - x)
        if not kept.all():
            if not finite.all():
                worst = "a pixel that is not finite"
            elif outside.amax() > TOLERANCE:
                worst = f"a pixel {float(outside.amax()):.3g} outside of [0, 1]"
            else:
                worst = f"a perturbation of norm {float(self.budget.norm(x_adv - x).amax()):.6g} in {self.budget}"
            warnings.warn(
                f"{self.name} broke its rules on {int((~kept).sum())} of {len(x)} images, which count as not attacked; "
                f"the worst has {worst}.",
                stacklevel=3,
            )
        return torch.where(column(kept), x_adv, x)


def _seed(generator: Generator | None) -> int:
    return int(torch.randint(2**31, (), generator=generator, device=generator.device if generator else None))


def _described(found: object) -> str:
    if isinstance(found, Tensor):
        return f"{found.dtype} of the shape {tuple(found.shape)}"
    return f"a {type(found).__name__}"
