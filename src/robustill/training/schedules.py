"""Learning-rate schedules: pure functions of the time, so that they have no state to save."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from robustill.component import Component


class Schedule(Component, ABC):
    """A factor on the optimizer's learning rate."""

    @abstractmethod
    def __call__(self, time: float, epochs: int) -> float:
        """The factor at ``time``, in epochs since the start (2.5: halfway through the third), of ``epochs``."""


class MultiStep(Schedule):
    """The rate times ``factor`` after each milestone: ``MultiStep(milestones=(100, 150))`` for 200 epochs.

    Milestones count finished epochs: 100 means that the first 100 epochs run at the full rate.
    """

    milestones: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        if any(m < 1 for m in self.milestones) or list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"MultiStep requires rising milestones of at least 1. Found: {self.milestones}.")
        if not 0 < self.factor < 1:
            raise ValueError(f"MultiStep requires a factor in (0, 1). Found: {self.factor}.")

    def __call__(self, time: float, epochs: int) -> float:
        return float(self.factor ** sum(time >= milestone for milestone in self.milestones))


class Cosine(Schedule):
    """Half a cosine from 1 to 0 over the run, after ``warmup`` epochs that rise linearly from 0."""

    warmup: float = 0.0

    def __post_init__(self) -> None:
        if self.warmup < 0:
            raise ValueError(f"Cosine requires a warmup of at least 0 epochs. Found: {self.warmup}.")

    def __call__(self, time: float, epochs: int) -> float:
        if time < self.warmup:
            return time / self.warmup
        share = (time - self.warmup) / max(epochs - self.warmup, 1e-9)
        return 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


class OneCycle(Schedule):
    """Linear from 0 to 1 during the first ``rise`` of the run, then linear back to 0 (Smith, arXiv 1708.07120)."""

    rise: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.rise < 1:
            raise ValueError(f"OneCycle requires a rise in (0, 1). Found: {self.rise}.")

    def __call__(self, time: float, epochs: int) -> float:
        share = min(time / epochs, 1.0)
        return share / self.rise if share < self.rise else (1 - share) / (1 - self.rise)


def falls_too_late(schedule: Schedule, epochs: int) -> bool:
    """Whether a schedule that lets the rate fall would do so only after the run's last epoch."""
    match schedule:
        case MultiStep(milestones=(first, *_)):
            return first >= epochs
        case Cosine(warmup=warmup):
            return warmup >= epochs
    return False
