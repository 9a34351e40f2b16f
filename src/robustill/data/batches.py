"""Batches of a split that lives on the device: shuffled and augmented for training, in order for evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import torch

from robustill.data.augmentation import Augmentation
from robustill.data.seeds import generator, permutation
from robustill.data.split import Split
from robustill.types import Images, Labels, Pixels


@dataclass(frozen=True, eq=False)
class Batches:
    """The epochs of a training run. Order and augmentation depend on (seed, epoch, index) alone, on no earlier epoch.

    The last batch of an epoch is smaller where ``batch_size`` does not divide the split, or left out with
    ``drop_last``. Raises ValueError for a batch size below 1, and for an epoch without a single batch.
    """

    split: Split
    _: KW_ONLY
    batch_size: int
    seed: int
    augmentation: Augmentation
    drop_last: bool = False

    def __post_init__(self) -> None:
        _check(self.batch_size)
        if len(self) == 0:
            raise ValueError(
                f"An epoch must have a batch: give a `batch_size` of at most {len(self.split)}, the number of images, "
                f"or keep the last batch; found batch_size={self.batch_size} with drop_last={self.drop_last}."
            )

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.split), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        """The batches of epoch ``number``: images in pixels of [0, 1] and their labels, on the device of the split."""
        images, labels = self.split.images, self.split.labels
        # Drawn on the CPU: a GPU's generator gives other numbers, and a run must not differ from machine to machine
        order = permutation(len(labels), self.seed, "order", number).to(labels.device)
        choices = self.augmentation.draw(len(labels), generator(self.seed, "augmentation", number)).to(labels.device)
        for index in torch.split(order, self.batch_size)[: len(self)]:
            yield to_float(self.augmentation.apply(images[index], choices[index])), labels[index]


def in_order(split: Split, batch_size: int) -> Iterator[tuple[Images, Labels]]:
    """Every image once, in order and unchanged, as evaluation needs them; pixels of [0, 1].

    Raises ValueError for a batch size below 1.
    """
    _check(batch_size)
    for images, labels in zip(
        torch.split(split.images, batch_size), torch.split(split.labels, batch_size), strict=True
    ):
        yield to_float(images), labels


def to_float(pixels: Pixels) -> Images:
    """Bytes of 0 to 255 as float32 pixels of [0, 1]."""
    # By a tensor: CUDA multiplies by the rounded 1/255 instead of dividing by a number, and half of the levels come out
    # one bit apart from the CPU's
    return pixels.float().div_(torch.full((), 255.0, device=pixels.device))


def _check(batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be 1 or more; found {batch_size}.")
