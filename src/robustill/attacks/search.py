"""What attacks share that look at the logits: searching image by image until the model errs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Bool, Int64
from torch import Generator, Tensor, nn

from robustill.parts import Part
from robustill.precision import at_least_float32
from robustill.types import Images, Labels, Logits, PerSample

Rows = Int64[Tensor, " rows"]
Mask = Bool[Tensor, " batch"]
Search = Callable[[Rows], tuple[Images, Mask]]
"""Attacks the images of these rows; gives the images it found and which of them the model gets wrong."""


PORTION = 64
"""On a CPU so many images are worked on at once, at most: the feature maps of more leave its caches, and blocks of
32 MiB are given back to the system and filled with zeros again."""


def portion_of(model: nn.Module) -> int:
    """``PORTION``, unless it is a copy for searches, whose feature maps are known (``swift``)."""
    portion: int = getattr(model, "portion", PORTION)
    return portion


def in_portions(
    work: Callable[..., tuple[Tensor, ...]], *of_images: Tensor, portion: int = PORTION
) -> tuple[Tensor, ...]:
    """``work``, which takes and gives tensors with a row for each image, done on a portion of the images at a time."""
    count = -(-len(of_images[0]) // portion) if of_images[0].device.type == "cpu" and len(of_images[0]) else 1
    if count == 1:
        return work(*of_images)
    parts = [work(*portion) for portion in zip(*(rows.tensor_split(count) for rows in of_images), strict=True)]
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def in_parts(work: Callable[[Images, Labels], Tensor], x: Images, y: Labels, generator: Generator | None) -> Tensor:
    """``work``, which may draw from the generator and gives a row for each image, done on a portion of the images at a
    time, each with the noise that it would have among all of them.
    """
    most, done = PORTION if x.device.type == "cpu" else len(x), []
    for portion, noise in Part.whole(x, y).noisy_portions(most, generator):
        with noise:
            done.append(work(portion.x, portion.y))
    return torch.cat(done)


def classify(model: nn.Module, x: Images) -> Logits:
    """The logits, without a graph, in at least float32."""
    with torch.no_grad():
        (logits,) = in_portions(lambda some: (at_least_float32(model(some)),), x, portion=portion_of(model))
    return logits


def targets_of(model: nn.Module, x: Images, y: Labels, count: int) -> tuple[Mask, tuple[Labels, ...]]:
    """Which images the model gets right, and so many wrong classes of each, the likeliest first.

    Where the true class shares the highest logit, ``argmax`` says whether it is right, here as everywhere.
    """
    logits = classify(model, x)
    ranked = logits.scatter(1, y[:, None], torch.inf).sort(dim=1).indices.flip(1)  # the true class comes first
    return logits.argmax(1) == y, ranked[:, 1 : count + 1].unbind(1)


def slope(model: nn.Module, x: Images, loss: Callable[[Logits, Rows], PerSample]) -> tuple[Logits, PerSample, Images]:
    """The logits, a loss of the logits of some rows, and its gradient with respect to the image."""

    def work(x: Images, rows: Rows) -> tuple[Logits, PerSample, Images]:
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            logits = at_least_float32(model(x))
            value = loss(logits, rows)
            (gradient,) = torch.autograd.grad(value.sum(), x)
        return logits.detach(), value.detach(), gradient

    rows = torch.arange(len(x), device=x.device)
    logits, value, gradient = in_portions(work, x, rows, portion=portion_of(model))
    return logits, value, gradient


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
