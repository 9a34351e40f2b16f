"""What is measured of an image: the common shape of accuracy, agreement, distance and linearity."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Generator, Tensor, nn

from robustill.attacks import Adversary, Budget, Transfer
from robustill.types import Images, Labels


class Measurement(ABC):
    """One thing measured of every image of a batch.

    Attributes:
        name: under which it is reported.
    """

    name: str

    @property
    @abstractmethod
    def text(self) -> str:
        """What is measured, with every parameter that decides the numbers."""

    @property
    @abstractmethod
    def passes(self) -> float:
        """Forwards and backwards of the model for each image, at most; for a progress bar."""

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Other networks on whose weights the numbers depend: at least those that are attacked in the model's place."""
        return tuple(one.surrogate for one in self.adversaries if isinstance(one, Transfer))

    @property
    def adversaries(self) -> tuple[Adversary, ...]:
        """What attacks the model."""
        return ()

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The balls around each image in which something is searched or drawn."""
        return ()

    @abstractmethod
    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        """Measures a batch; modes, parameters, buffers, ``.grad`` and the global random state are left as they were.

        Args:
            model: from images in [0, 1] to logits.
            x: images in [0, 1].
            y: their true classes.
            generator: source of all randomness, on the device of ``x``.

        Returns:
            Arrays with one entry per image, by the name under which each is kept.
        """
