"""Batches of a split: shuffled and augmented for training, in order for evaluation; on the device of the labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from robustill.data.augmentation import Augmentation
from robustill.data.extra import Extra
from robustill.data.seeds import draws, generator, permutation
from robustill.data.split import Split
from robustill.types import Images, Labels, Pixels


@dataclass(frozen=True)
class Share:
    """What one of several takes of every batch: share 1 of 4 the images 1, 5, 9 ..., share 0 the images 0, 4, 8 ..."""

    index: int = 0
    count: int = 1

    def after(self, others: int) -> slice:
        """Its places in a piece of a batch that comes after so many other images."""
        return slice((self.index - others) % self.count, None, self.count)

    def part(self, index: int, count: int) -> Share:
        """The images ``index``, ``index + count`` ... of this share, as a share of the whole."""
        return Share(self.index + index * self.count, self.count * count)


@dataclass(frozen=True, eq=False)
class Batches:
    """The epochs of a training run. Order and augmentation depend on (seed, epoch, index) alone, on no earlier epoch.

    An epoch is a pass over the split. The last batch is smaller where the split does not divide, or left out with
    ``drop_last``. With ``extra`` images, a share of every batch is theirs: the split's come first, then as many of
    theirs, drawn anew in every epoch, with replacement.

    With a ``share`` only its images of every batch are read, as they would be in the whole batch; of a last batch that
    is too small for all shares, some have none.

    Raises ValueError for a batch size below 1, for an epoch without a single batch, and for a share of extra images
    that leaves a batch without one of either kind.
    """

    split: Split
    _: KW_ONLY
    batch_size: int
    seed: int
    augmentation: Augmentation
    drop_last: bool = False
    extra: Extra | None = None
    share: Share = Share()

    def __post_init__(self) -> None:
        _check(self.batch_size)
        if self.extra:
            self.extra.check(self.batch_size)
        if len(self) == 0:
            raise ValueError(
                f"An epoch must have a batch: give a `batch_size` of at most {len(self.split)}, the number of images, "
                f"or keep the last batch; found batch_size={self.batch_size} with drop_last={self.drop_last}."
            )

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.split), self._own)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def smallest(self) -> int:
        """How many images the smallest batch of an epoch has, the last one."""
        own = len(self.split) - self._own * (len(self) - 1)
        own = min(own, self._own)  # with drop_last
        return own + (self.extra.beside(own, self.batch_size) if self.extra else 0)

    @property
    def _own(self) -> int:
        """How many images of a whole batch are the split's."""
        return self.batch_size - (self.extra.count(self.batch_size) if self.extra else 0)

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        """The batches of epoch ``number``: images in pixels of [0, 1] and their labels, on the device of the split."""
        # Drawn on the CPU: a GPU's generator gives other numbers, and a run must not differ from machine to machine
        order = permutation(len(self.split), self.seed, "order", number)
        choices = self.augmentation.draw(len(order), generator(self.seed, "augmentation", number))
        rows = torch.split(order, self._own)[: len(self)]
        mine = [row[self.share.after(0)] for row in rows]
        own = self._augmented(self.split, mine, choices[torch.cat(mine)])
        if self.extra is None:
            yield from own
            return
        sizes = [self.extra.beside(len(row), self.batch_size) for row in rows]
        drawn = draws(sum(sizes), len(self.extra.split), self.seed, "extra", number)
        choices = self.augmentation.draw(len(drawn), generator(self.seed, "augmentation of extra", number))
        places = torch.split(torch.arange(len(drawn)), sizes)
        taken = [place[self.share.after(len(row))] for place, row in zip(places, rows, strict=True)]
        more = self._augmented(self.extra.split, [drawn[place] for place in taken], choices[torch.cat(taken)])
        for batch, added in zip(own, more, strict=True):
            yield torch.cat([batch[0], added[0]]), torch.cat([batch[1], added[1]])

    def _augmented(
        self, split: Split, rows: list[Tensor], choices: Int64[Tensor, "positions choices"]
    ) -> Iterator[tuple[Images, Labels]]:
        """The images of each row of positions, changed by the choices for each image; the rows have various lengths."""
        device, sizes = split.labels.device, [len(row) for row in rows]
        there = torch.split(torch.cat(rows).to(device), sizes)
        pixels = split.read(rows if split.streamed else there)
        for images, row, chosen in zip(pixels, there, torch.split(choices.to(device), sizes), strict=True):
            yield to_float(self.augmentation.apply(images, chosen)), split.labels[row]


def in_order(split: Split, batch_size: int) -> Iterator[tuple[Images, Labels]]:
    """Every image once, in order and unchanged, as evaluation needs them; pixels of [0, 1].

    Raises ValueError for a batch size below 1.
    """
    _check(batch_size)
    rows = [slice(i, i + batch_size) for i in range(0, len(split), batch_size)]
    for images, row in zip(split.read(rows), rows, strict=True):
        yield to_float(images), split.labels[row]


def to_float(pixels: Pixels) -> Images:
    """Bytes of 0 to 255 as float32 pixels of [0, 1]."""
    # By a tensor: CUDA multiplies by the rounded 1/255 instead of dividing by a number, and half of the levels come out
    # one bit apart from the CPU's
    return pixels.float().div_(torch.full((), 255.0, device=pixels.device))


def _check(batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be 1 or more; found {batch_size}.")
