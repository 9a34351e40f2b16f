"""GD and GC: how far two networks' input gradients are apart (IGDM paper, Section 4.1).

    GD = mean ‖∇ₓ CE(S(x), y) - ∇ₓ CE(T(x), y)‖₂            GC = mean cos( ∇ₓ CE(S(x), y), ∇ₓ CE(T(x), y) )

The paper says "input gradients" and not of what; this is the gradient that attacks follow, of the cross-entropy at
the clean image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustill.attacks.base import cross_entropy, frozen
from robustill.data.batches import in_order
from robustill.data.split import Split
from robustill.types import Images, Labels, PerSample


def input_gradient(model: nn.Module, x: Images, y: Labels) -> Images:
    """The gradient of each image's cross-entropy with respect to the image, in eval mode."""
    with frozen(model), torch.enable_grad():
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(cross_entropy(model, x, y).sum(), x)
    return gradient


def gradient_agreement(
    student: nn.Module, teacher: nn.Module, split: Split, *, batch_size: int = 256
) -> dict[str, Tensor]:
    """``gd`` (L2 distance, lower is closer) and ``gc`` (cosine, higher is closer) of every image.

    Raises:
        ValueError: a gradient is not finite.
    """
    device = next(student.parameters()).device
    distances, cosines = [], []
    for x, y in in_order(split.to(device), batch_size):
        ours, theirs = input_gradient(student, x, y), input_gradient(teacher, x, y)
        for name, gradient in (("student", ours), ("teacher", theirs)):
            if not gradient.isfinite().all():
                raise ValueError(f"The {name} must have finite input gradients. Found NaN or infinity: are its logits?")
        distances.append((ours - theirs).flatten(1).norm(dim=1))
        cosines.append(cosine(ours, theirs))
    return {"gd": torch.cat(distances).cpu(), "gc": torch.cat(cosines).cpu()}


def cosine(ours: Images, theirs: Images) -> PerSample:
    """The cosine of each image's gradients; 0 where one is zero.

    In float64: a confident network's gradients are so small that their squares underflow in float32.
    """
    return F.cosine_similarity(ours.flatten(1).double(), theirs.flatten(1).double(), eps=1e-300).float()
