"""Augmentations: random changes of the training images, as batched tensor code on the device the images live on.

An augmentation first draws the choices of a whole epoch, one row per image, and then applies rows to images. The row
belongs to the image, so how the images are batched or shared out among workers changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.nn.functional import pad

from robustill.component import Component
from robustill.types import Pixels


class Augmentation(Component, ABC):
    """A random change of images."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Int64[Tensor, "batch choices"]:
        """The choices for ``count`` images, a row each, from and on the device of ``generator``."""

    @abstractmethod
    def apply(self, images: Pixels, choices: Int64[Tensor, "batch choices"]) -> Pixels:
        """The images changed by their choices, row by row; nothing else is random."""


class NoAugmentation(Augmentation):
    """The images as they are."""

    def draw(self, count: int, generator: torch.Generator) -> Int64[Tensor, "batch choices"]:
        return torch.empty((count, 0), dtype=torch.int64, device=generator.device)

    def apply(self, images: Pixels, choices: Int64[Tensor, "batch choices"]) -> Pixels:
        return images


class CropFlip(Augmentation):
    """Pad with ``padding`` black pixels on every side, cut the old size at a random place, mirror every other one.

    The augmentation of nearly every paper on CIFAR-10 and CIFAR-100, with padding 4. Raises ValueError for a negative
    padding, and for one as large as the images, which would leave some of them black.
    """

    padding: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise ValueError(f"`padding` must be a number of pixels, 0 or more; found {self.padding}.")

    def draw(self, count: int, generator: torch.Generator) -> Int64[Tensor, "batch choices"]:
        def uniform(values: int, columns: int) -> Tensor:
            return torch.randint(values, (count, columns), generator=generator, device=generator.device)

        offsets = uniform(2 * self.padding + 1, 2)
        return torch.cat([offsets, uniform(2 if self.flip else 1, 1)], dim=1)

    def apply(self, images: Pixels, choices: Int64[Tensor, "batch choices"]) -> Pixels:
        height, width = images.shape[2:]
        if self.padding >= min(height, width):
            raise ValueError(
                f"`padding` must be smaller than the images, or a crop may be all black; "
                f"found padding={self.padding} for images of {width}x{height} pixels."
            )
        top, left, mirrored = choices.unbind(1)
        rows = top[:, None] + torch.arange(height, device=images.device)
        columns = torch.arange(width, device=images.device)
        columns = left[:, None] + torch.where(mirrored[:, None] == 1, columns.flip(0), columns)
        # One gather of flat positions, the same for all channels: 2-7 times faster than indexing by rows and columns
        positions = rows[:, :, None] * (width + 2 * self.padding) + columns[:, None, :]
        positions = positions.flatten(1)[:, None].expand(-1, images.shape[1], -1)
        return pad(images, (self.padding,) * 4).flatten(2).gather(2, positions).view_as(images)
