"""GD and GC: how far two networks' input gradients are apart (IGDM paper, Section 4.1).

    GD = mean ‖∇ₓ CE(S(x), y) - ∇ₓ CE(T(x), y)‖₂            GC = mean cos( ∇ₓ CE(S(x), y), ∇ₓ CE(T(x), y) )

The paper says "input gradients" and not of what; this is the gradient that attacks follow, of the cross-entropy at
the clean image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from robustill.attacks.base import cross_entropy, frozen, gradient_of
from robustill.attacks.search import in_portions
from robustill.data.split import Split
from robustill.evaluation.batchwise import measure_batches
from robustill.evaluation.measurement import Measurement
from robustill.types import Images, Labels, PerSample


def input_gradient(model: nn.Module, x: Images, y: Labels) -> Images:
    """The gradient of each image's cross-entropy with respect to the image, in eval mode."""

    def work(x: Images, y: Labels) -> tuple[Images]:
        return (gradient_of(lambda image: cross_entropy(model, image, y), x),)

    with frozen(model):
        return in_portions(work, x, y)[0]


@dataclass(frozen=True, eq=False)
class Agreement(Measurement):
    """``gd`` (L2 distance, lower is closer) and ``gc`` (cosine, higher is closer) of each image's input gradients."""

    teacher: nn.Module
    name: str = "agreement"

    @property
    def text(self) -> str:
        return "input gradients of the cross-entropy at the clean image, student and teacher in eval mode"

    @property
    def passes(self) -> float:
        return 2

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (self.teacher,)

    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        ours, theirs = input_gradient(model, x, y), input_gradient(self.teacher, x, y)
        for name, gradient in (("student", ours), ("teacher", theirs)):
            if not gradient.isfinite().all():
                raise ValueError(f"The {name} must have finite input gradients. Found NaN or infinity: are its logits?")
        return {"gd": (ours - theirs).flatten(1).norm(dim=1), "gc": cosine(ours, theirs)}


def gradient_agreement(
    student: nn.Module, teacher: nn.Module, split: Split, *, batch_size: int = 256
) -> dict[str, Tensor]:
    """``gd`` and ``gc`` of every image of a split.

    Raises:
        ValueError: a gradient is not finite.
    """
    arrays = measure_batches(student, split, Agreement(teacher), batch_size=batch_size)
    return {name: torch.from_numpy(values) for name, values in arrays.items()}


def cosine(ours: Images, theirs: Images) -> PerSample:
    """The cosine of each image's gradients; 0 where one is zero.

    In float64: a confident network's gradients are so small that their squares underflow in float32.
    """
    return F.cosine_similarity(ours.flatten(1).double(), theirs.flatten(1).double(), eps=1e-300).float()
