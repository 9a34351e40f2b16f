"""Images found on one network and shown to another."""

from __future__ import annotations

import dataclasses

from torch import Generator, nn

from robustill.attacks.base import Adversary
from robustill.types import Images, Labels


class Transfer(Adversary):
    """Attacks a surrogate; the model that is measured is never asked.

    It cannot be built from text alone: whoever loads the surrogate gives it, and the name under which it is written.

    Attributes:
        attack: how the surrogate is attacked, such as ``VMIFGSM(budget=Linf(16/255))``.
        surrogate: from images to logits of the same classes, on the device of the images; no part of text or equality.
        name: what the surrogate is called in results, such as ``run:runs/resnet50``.
    """

    attack: Adversary
    surrogate: nn.Module = dataclasses.field(repr=False, compare=False)
    name: str

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        return self.attack(self.surrogate, x, y, generator=generator)
