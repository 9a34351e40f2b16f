"""What every attack is, and the state in which networks are attacked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Generator, nn
from torch.nn import functional as F

from robustill.attacks.search import in_parts
from robustill.attacks.starts import Start
from robustill.component import Component
from robustill.precision import at_least_float32
from robustill.types import Images, Labels, PerSample

Loss = Callable[[Images], PerSample]
"""A loss of the image, one value per image, differentiable."""


class Adversary(Component, ABC):
    """Changes images so that a model errs. Whatever it does to find them, the model is left as it was."""

    @abstractmethod
    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        """Attacks the model in eval mode.

        Args:
            model: from images to logits.
            x: images in [0, 1].
            y: their true classes.
            generator: source of the attack's randomness; None is PyTorch's global one.

        Returns:
            Images in [0, 1], detached.
        """


class Attack(Adversary):
    """Searches a budget for the image with the highest loss."""

    @abstractmethod
    def maximize(
        self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
    ) -> Images:
        """Climbs ``loss`` from ``x``.

        Args:
            loss: called with images of the shape of ``x``; one value per image, each depending on its own image only.
            x: images in [0, 1].
            start: where to start when the attack itself does not say.
            generator: source of the attack's randomness, on the device of ``x``; None is PyTorch's global one.

        Returns:
            Images in [0, 1] and within the budget of ``x``, detached. No parameter's ``.grad`` is touched.
        """

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        """Climbs the model's cross-entropy in eval mode; every submodule's mode is restored afterwards."""

        def climbed(x: Images, y: Labels) -> Images:
            return self.maximize(lambda image: cross_entropy(model, image, y), x, generator=generator)

        with frozen(model):
            return in_parts(climbed, x, y, generator)


def gradient_of(loss: Loss, image: Images) -> Images:
    """The gradient of each image's loss with respect to the image; no parameter's ``.grad`` is touched."""
    image = image.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(loss(image).sum(), image)
    return gradient


def cross_entropy(model: nn.Module, image: Images, y: Labels) -> PerSample:
    """The model's cross-entropy on an image, one value per sample."""
    return F.cross_entropy(at_least_float32(model(image)), y, reduction="none")


@contextmanager
def frozen(model: nn.Module, *, training: bool = False) -> Iterator[None]:
    """The state in which a network is attacked: one mode for all of it, parameters without gradients; then as before.

    Parameters that need no gradient are worth more than their missing ``.grad``: no layer keeps its input for them.
    """
    modes = [(module, module.training) for module in model.modules()]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.train(training)
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
        for module, mode in modes:
            module.training = mode
