"""Architectures: the choice of a network, written as text such as ``ResNet(depth=18, width=16)``."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn

from robustill.component import Component


class Architecture(Component, ABC):
    """A family of networks with its sizes chosen; classes and channels come from the data.

    Put a subclass into a file of this package, or name one of your own by import path,
    ``"my_pkg.mine:MyNet(width=2)"``.
    """

    @abstractmethod
    def build(self, *, num_classes: int, in_channels: int) -> nn.Module:
        """A network from ``[batch, in_channels, height, width]``, not normalised, to ``[batch, num_classes]``.

        A :class:`~robustill.models.classifier.Classifier` is used as it is; any other module is put into an
        :class:`~robustill.models.classifier.Adapter`.
        """


def require_positive(owner: Architecture, *names: str) -> None:
    """Refuses sizes below one.

    Raises:
        ValueError: names the field and the value found.
    """
    for name in names:
        value = getattr(owner, name)
        if value < 1:
            raise ValueError(f"{type(owner).__name__} needs {name} of at least 1; found {name}={value}.")


def require_choice(owner: Architecture, name: str, known: tuple[int, ...]) -> None:
    """Refuses a value that is not among the published ones.

    Raises:
        ValueError: names the field, the values known and the value found.
    """
    value = getattr(owner, name)
    if value not in known:
        choices = ", ".join(map(str, known))
        raise ValueError(f"{type(owner).__name__} is built for {name} {choices}; found {name}={value}.")
