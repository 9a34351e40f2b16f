"""Averages of the student's weights along training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from robustill.component import Component
from robustill.objectives.ramps import begun, check_begin
from robustill.types import Images, Labels

Batches = Callable[[], Iterable[tuple[Images, Labels]]]


class Average(Component, ABC):
    """A running average of the weights; once it has begun, its network is the one that is validated and saved."""

    @abstractmethod
    def build(self, student: nn.Module) -> AveragedModel:
        """A copy of the student (its ``.module``) whose ``update_parameters`` takes one step of the average."""

    @abstractmethod
    def due(self, progress: float, *, moved: bool, last_step: bool) -> bool:
        """Whether the weights after this step, which ``moved`` unless it was skipped, enter the average.

        ``last_step`` is the last of an epoch.
        """

    @abstractmethod
    def refresh(self, averaged: AveragedModel, batches: Batches) -> None:
        """Makes the averaged network ready for evaluation, at the end of an epoch whose ``batches()`` are given."""


class EMA(Average):
    """Exponential moving average: w̄ <- d·w̄ + (1 - d)·w after every step, d rising to ``decay`` as (1 + n) / (10 + n).

    The weights after the first step are taken over whole. BatchNorm's statistics are the student's own.
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

    def due(self, progress: float, *, moved: bool, last_step: bool) -> bool:
        return moved

    def refresh(self, averaged: AveragedModel, batches: Batches) -> None:
        """Nothing is to be done."""


class SWA(Average):
    """Izmailov, Podoprikhin, Garipov, Vetrov, Wilson: Averaging Weights Leads to Wider Optima and Better
    Generalization. UAI 2018, arXiv 1803.05407.

    The plain mean of the weights at the end of each epoch after the first ``begin`` of the run; until then the student
    itself is evaluated. BatchNorm's statistics belong to no single student, so a pass over the epoch's clean, augmented
    images takes them anew each time (a forward an image and epoch more). They are of clean images alone, unlike those
    of an adversarially trained student; SAAD's code does the same. It begins at epoch 95 of 200, ``SWA(begin=0.47)``.
    """

    begin: float = 0.5

    def __post_init__(self) -> None:
        check_begin(self, self.begin)

    def build(self, student: nn.Module) -> AveragedModel:
        return AveragedModel(student).eval()

    def due(self, progress: float, *, moved: bool, last_step: bool) -> bool:
        return last_step and begun(progress, self.begin)

    def refresh(self, averaged: AveragedModel, batches: Batches) -> None:
        if averaged.n_averaged > 0:
            update_bn(batches(), averaged)
