"""Losses of the logits that an attack climbs; each rises where the true class loses.

A loss takes logits and labels and gives one value per image. The targeted ones also take, for each image, the class
that should win.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch.nn import functional as F

from robustill.component import Component
from robustill.types import Labels, Logits, PerSample


class LogitLoss(Component, ABC):
    """Any class but the true one may win."""

    @abstractmethod
    def __call__(self, logits: Logits, y: Labels) -> PerSample:
        """One value per image, differentiable."""


class TargetedLoss(Component, ABC):
    """One class, named for each image, should win."""

    @abstractmethod
    def __call__(self, logits: Logits, y: Labels, target: Labels) -> PerSample:
        """One value per image, differentiable."""


class CrossEntropy(LogitLoss):
    """-log softmax(z)_y. Its gradient vanishes where the network is very sure; compare with DLR."""

    def __call__(self, logits: Logits, y: Labels) -> PerSample:
        return F.cross_entropy(logits, y, reduction="none")


class Margin(LogitLoss):
    """max_{i≠y} z_i - z_y (Carlini and Wagner, 2017, arXiv 1608.04644): positive where the network errs."""

    def __call__(self, logits: Logits, y: Labels) -> PerSample:
        return -margin(logits, y)


class DLR(LogitLoss):
    """Difference of logits ratio: (max_{i≠y} z_i - z_y) / (z_π1 - z_π3), z_π sorted from the largest down.

    Croce and Hein, Reliable Evaluation of Adversarial Robustness, ICML 2020, arXiv 2003.01690, equation 6. Shifting and
    scaling the logits does not change it.
    """

    def __call__(self, logits: Logits, y: Labels) -> PerSample:
        _require(logits, 3, "DLR", "Margin")
        top = logits.topk(3, dim=1).values
        return -margin(logits, y) / (top[:, 0] - top[:, 2] + 1e-12)


class TargetedMargin(TargetedLoss):
    """z_t - z_y: the targeted loss where there are too few classes for a ratio."""

    def __call__(self, logits: Logits, y: Labels, target: Labels) -> PerSample:
        return _at(logits, target) - _at(logits, y)


class TargetedDLR(TargetedLoss):
    """(z_t - z_y) / (z_π1 - (z_π3 + z_π4) / 2): equation 7 of the paper of :class:`DLR`. From four classes on."""

    def __call__(self, logits: Logits, y: Labels, target: Labels) -> PerSample:
        _require(logits, 4, "TargetedDLR", "TargetedMargin")
        top = logits.topk(4, dim=1).values
        return (_at(logits, target) - _at(logits, y)) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12)


def margin(logits: Logits, y: Labels) -> PerSample:
    """z_y - max_{i≠y} z_i: how far the true class leads; negative where the network errs."""
    others = logits.scatter(1, y[:, None], -torch.inf)
    return _at(logits, y) - others.amax(1)


def _at(logits: Logits, classes: Labels) -> PerSample:
    return logits.gather(1, classes[:, None]).squeeze(1)


def _require(logits: Logits, least: int, name: str, instead: str) -> None:
    if logits.shape[1] < least:
        raise ValueError(
            f"{name} requires at least {least} classes. Found: {logits.shape[1]}. Climb {instead}() instead."
        )
