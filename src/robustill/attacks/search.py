"""What attacks share that look at the logits: searching image by image until the model errs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Bool, Int64
from torch import Generator, Tensor, nn

from robustill.precision import at_least_float32
from robustill.types import Images, Logits, PerSample

Rows = Int64[Tensor, " rows"]
Mask = Bool[Tensor, " batch"]
Search = Callable[[Rows], tuple[Images, Mask]]
"""Attacks the images of these rows; gives the images it found and which of them the model gets wrong."""


PORTION = 64
"""On a CPU networks see at most so many images at once: the feature maps of more leave its caches, and blocks of 32 MiB
are given back to the system and filled with zeros again."""


def classify(model: nn.Module, x: Images) -> Logits:
    """The logits, without a graph, in at least float32."""
    with torch.no_grad():
        return torch.cat([at_least_float32(model(x[rows])) for rows in _portions(x)])


def slope(model: nn.Module, x: Images, loss: Callable[[Logits, Rows], PerSample]) -> tuple[Logits, PerSample, Images]:
    """The logits, a loss of the logits of some rows, and its gradient with respect to the image."""
    parts = [_slope(model, x[rows], loss, rows) for rows in _portions(x)]
    logits, value, gradient = (torch.cat(part) for part in zip(*parts, strict=True))
    return logits, value, gradient


def _slope(
    model: nn.Module, x: Images, loss: Callable[[Logits, Rows], PerSample], rows: Rows
) -> tuple[Logits, PerSample, Images]:
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        logits = at_least_float32(model(x))
        value = loss(logits, rows)
        (gradient,) = torch.autograd.grad(value.sum(), x)
    return logits.detach(), value.detach(), gradient


def _portions(x: Images) -> tuple[Rows, ...]:
    count = -(-len(x) // PORTION) if x.device.type == "cpu" and len(x) else 1
    return torch.arange(len(x), device=x.device).tensor_split(count)


def conquer(x: Images, standing: Mask, searches: Iterable[Search]) -> Images:
    """Each search in turn on the images that still stand.

    Args:
        x: the images.
        standing: which of them the model gets right; what a search breaks is struck off, in place.
        searches: attacks, restarts or targets.

    Returns:
        The first adversarial example found of each image, and the image itself where there is none.
    """
    x_adv = x.detach().clone()
    for search in searches:
        rows = standing.nonzero().squeeze(1)
        if not len(rows):
            break
        found, fooled = search(rows)
        x_adv[rows[fooled]] = found[fooled]
        standing[rows[fooled]] = False
    return x_adv


def rand(shape: Sequence[int], like: Tensor, generator: Generator | None) -> Tensor:
    """Uniform numbers of [0, 1), drawn where the generator lives: one on the CPU gives every device the same noise."""
    return torch.rand(*shape, dtype=like.dtype, device=_place(like, generator), generator=generator).to(like.device)


def randn(shape: Sequence[int], like: Tensor, generator: Generator | None) -> Tensor:
    """Normal numbers, drawn where the generator lives."""
    return torch.randn(*shape, dtype=like.dtype, device=_place(like, generator), generator=generator).to(like.device)


def column(per_sample: Tensor) -> Tensor:
    """One number per image, shaped to multiply images."""
    return per_sample[:, None, None, None]


def _place(like: Tensor, generator: Generator | None) -> torch.device:
    return like.device if generator is None else generator.device
