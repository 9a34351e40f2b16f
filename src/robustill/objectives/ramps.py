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


class Step(Ramp):
    """0 during the first ``begin`` of the run, 1 after it. What has no weight is not evaluated."""

    begin: float = 0.5

    def __post_init__(self) -> None:
        check_begin(self, self.begin)

    def __call__(self, progress: float) -> float:
        return float(begun(progress, self.begin))


def begun(progress: float, begin: float) -> bool:
    """Whether an epoch lies after the first ``begin`` of the run.

    ``begin = 0.3`` of 200 epochs leaves out the first 60: epochs 1 to 60 of ours, 0 to 59 of a code that counts from 0
    and asks ``epoch >= 60``. Where begin · epochs is no whole number, it is rounded down.
    """
    return progress > begin


def check_begin(component: Component, begin: float) -> None:
    """Refuses a ``begin`` that no epoch reaches."""
    if not 0 <= begin < 1:
        raise ValueError(
            f"{type(component).__name__} requires a begin in [0, 1), a share of the run: 0.3 leaves out the first 60 "
            f"of 200 epochs. Found: {begin}, past the last epoch or before the first."
        )
