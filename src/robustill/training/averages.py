"""Averages of the student's weights along training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from robustill.component import Component


class Average(Component, ABC):
    """A running average of the weights; the averaged network is the one that is validated and saved."""

    @abstractmethod
    def build(self, student: nn.Module) -> AveragedModel:
        """A copy of the student (its ``.module``) whose ``update_parameters`` takes one step of the average."""


class EMA(Average):
    """Exponential moving average: w̄ <- d·w̄ + (1 - d)·w after every step, d rising to ``decay`` as (1 + n) / (10 + n).

    BatchNorm's statistics are the student's own.
    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1:
            raise ValueError(f"EMA requires a decay in (0, 1). Found: {self.decay}.")

    def build(self, student: nn.Module) -> AveragedModel:
        def update(averaged: Sequence[Tensor], current: Sequence[Tensor], step: Tensor | int) -> None:
            decay = min(self.decay, (1 + int(step)) / (10 + int(step)))
            torch._foreach_lerp_(list(averaged), list(current), 1 - decay)

        return AveragedModel(student, multi_avg_fn=update).eval()
