"""The optimizer of every published recipe."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from robustill.component import Component


class SGD(Component):
    """Stochastic gradient descent with momentum; the papers: lr 0.1, momentum 0.9, weight decay 5e-4 or 2e-4.

    Attributes:
        lr: the learning rate before the schedule's factor.
        momentum: in [0, 1).
        weight_decay: the L2 penalty on every parameter, BatchNorm's included, as in the papers' codes.
        nesterov: Nesterov's form of momentum.
    """

    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    nesterov: bool = False

    def __post_init__(self) -> None:
        if not self.lr > 0 or not 0 <= self.momentum < 1 or self.weight_decay < 0:
            raise ValueError(
                "SGD requires lr > 0, momentum in [0, 1) and weight_decay of at least 0. "
                f"Found: lr={self.lr}, momentum={self.momentum}, weight_decay={self.weight_decay}."
            )
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD requires a positive momentum with nesterov=True. Found: momentum=0.")

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """PyTorch's optimizer over the parameters; on a GPU as one kernel for all of them."""
        trained = list(parameters)
        return torch.optim.SGD(
            trained,
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
            fused=all(parameter.is_cuda for parameter in trained) or None,
        )
