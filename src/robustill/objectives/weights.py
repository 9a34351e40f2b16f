"""Sample weights: how much each image counts in a method's loss, its terms included."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch.nn import functional as F

from robustill.component import Component
from robustill.objectives.divergences import kl
from robustill.objectives.line import Line
from robustill.types import Logits, PerSample


class SampleWeight(Component, ABC):
    """Weights the images of a batch. A field of every method: ``ARD(weight=EntropyWeight())``."""

    @abstractmethod
    def __call__(self, loss: PerSample, line: Line) -> PerSample:
        """The weighted loss of each image."""


class EntropyWeight(SampleWeight):
    """Lee, Chung: Sample-wise Adaptive Weighting for Transfer Consistency in Adversarial Distillation (SAAD).
    TMLR 2026, arXiv 2512.10275.

        w · loss + clean · (1 - ŵ) · KL(T(x) ‖ S(x)),    w = scale · (H - min H over the batch),    H = H(T(x'))

    An image at which the teacher is unsure is one where the student's attack transfers to the teacher, and there its
    targets are worth the most. Weights are constants. ŵ = H / log C is the paper's; the authors' code rescales w to
    [0, 1] in the batch: ``normalize="batch"``. A batch's least uncertain image has no weight at all, nor has a batch of
    one image.

    Attributes:
        order: of Rényi's entropy H; 1 is Shannon's, as in the authors' runs.
        scale: 5 in the authors' code.
        clean: the weight of the clean term, for the images that get little of the other: 0 (SAAD), 0.2 on CIFAR-10 and
            0.5 on CIFAR-100 and Tiny-ImageNet (SAAD-C). The authors' code evaluates S(x) at 0 too.
        normalize: ŵ by the number of classes or within the batch.
    """

    order: float = 1.0
    scale: float = 5.0
    clean: float = 0.0
    normalize: Literal["classes", "batch"] = "classes"

    def __post_init__(self) -> None:
        if not 0 < self.order < math.inf or not 0 < self.scale < math.inf or not 0 <= self.clean < math.inf:
            raise ValueError(
                "EntropyWeight requires a positive order, a positive scale and a clean of at least 0. "
                f"Found: order={self.order}, scale={self.scale}, clean={self.clean}."
            )
        if self.normalize not in ("classes", "batch"):
            raise ValueError(f"EntropyWeight requires a normalize of classes or batch. Found: {self.normalize!r}.")

    def __call__(self, loss: PerSample, line: Line) -> PerSample:
        entropy = renyi_entropy(line.teacher(1), self.order)
        weight = self.scale * (entropy - entropy.amin())
        loss = weight * loss
        if self.clean == 0:
            return loss
        if self.normalize == "classes":
            share = entropy / math.log(line.teacher(1).shape[1])
        else:
            share = weight / (weight.amax() + 1e-8)
        return loss + self.clean * (1 - share) * kl(line.teacher(0), line.student(0))


def renyi_entropy(logits: Logits, order: float) -> PerSample:
    """log(Σ pᵒ) / (1 - o) of the softmax of the logits, in nats; o = 1 is the limit, Shannon's -Σ p log p."""
    log_p = F.log_softmax(logits, 1)
    if order == 1:
        return -(log_p.exp() * log_p).sum(1)
    return torch.logsumexp(order * log_p, 1) / (1 - order)
