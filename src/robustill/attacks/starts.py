"""Where an attack starts: the image plus a first perturbation."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Generator

from robustill.attacks.budgets import Budget
from robustill.component import Component
from robustill.types import Images


class Start(Component, ABC):
    """The first point of a search."""

    @abstractmethod
    def __call__(self, x: Images, budget: Budget, generator: Generator | None = None) -> Images:
        """The image at which the first gradient is taken. It may lie outside [0, 1]; after one step nothing does."""


class Zero(Start):
    """The clean image itself. Losses that are flat there, such as KL(S(x) ‖ S(x')), cannot start from it."""

    def __call__(self, x: Images, budget: Budget, generator: Generator | None = None) -> Images:
        return x


class Uniform(Start):
    """A point drawn uniformly from the budget (Madry et al., ICLR 2018), clipped to [0, 1] (ARD: not)."""

    clip: bool = True

    def __call__(self, x: Images, budget: Budget, generator: Generator | None = None) -> Images:
        start = x + budget.uniform(x, generator)
        return start.clamp(0, 1) if self.clip else start


class Gaussian(Start, kw_only=False):
    """The image plus Gaussian noise of standard deviation ``std``, not clipped (Zhang et al., TRADES, ICML 2019)."""

    std: float = 0.001

    def __post_init__(self) -> None:
        if not 0 < self.std < float("inf"):
            raise ValueError(
                f"Gaussian requires a positive, finite std. Found: {self.std}. Zero() starts at the image itself."
            )

    def __call__(self, x: Images, budget: Budget, generator: Generator | None = None) -> Images:
        return x + self.std * torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)
