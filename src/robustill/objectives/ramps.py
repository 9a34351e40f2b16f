"""Ramps: how the weight of a term grows while training proceeds, T(α) of the IGDM paper (Section 3.3)."""

from abc import ABC, abstractmethod

from robustill.component import Component


class Ramp(Component, ABC):
    """A factor from the progress of training: the current epoch, counted from 1, over all epochs."""

    @abstractmethod
    def __call__(self, progress: float) -> float:
        """The factor at a progress in (0, 1]."""


class Linear(Ramp):
    """epoch / epochs, as the paper's experiments: small at first, 1 in the last epoch."""

    def __call__(self, progress: float) -> float:
        return progress


class Constant(Ramp):
    """1 throughout."""

    def __call__(self, progress: float) -> float:
        return 1.0
