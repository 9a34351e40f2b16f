"""A split: images and their labels; and the stratified ways of taking a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from robustill.data.ahead import ahead
from robustill.data.seeds import permutation
from robustill.data.stored import Mapped, Part, Stored, in_memory
from robustill.types import Labels, Pixels

Row = Tensor | slice
"""The positions of a batch."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images as bytes (NCHW, 0 to 255), the class of each, and the file of each where they came from files.

    The images are a tensor, whole and on the device of the labels, or they are stored somewhere and stream: each batch
    is read when its turn comes. Nothing else differs.

    Raises ValueError if the images are no bytes or the lengths differ.
    """

    # Pixels and Labels; named Tensor because whoever builds a split by hand is told below what else was found
    pixels: Tensor | Stored
    labels: Tensor
    files: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.pixels, Tensor) and (self.pixels.dtype != torch.uint8 or self.pixels.ndim != 4):
            raise ValueError(
                "The images of a split must be bytes of 0 to 255 in the order NCHW (uint8, 4 axes); "
                f"found {self.pixels.dtype} with {self.pixels.ndim} axes."
            )
        lengths = {"images": len(self.pixels), "labels": len(self.labels)}
        if self.files is not None:
            lengths["files"] = len(self.files)
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{count} {name}" for name, count in lengths.items())
            raise ValueError(
                f"Every image of a split needs exactly one label (and one file, if files are given); found {found}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def streamed(self) -> bool:
        """Whether the images are read as they are needed."""
        return isinstance(self.pixels, Stored)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width

    @property
    def nbytes(self) -> int:
        """What the images take in memory."""
        return len(self) * prod(self.shape)

    @property
    def images(self) -> Pixels:
        """All images in one tensor; those that stream are read now, and have to fit into memory."""
        if isinstance(self.pixels, Tensor):
            return self.pixels
        return torch.from_numpy(in_memory(self.pixels)).to(self.labels.device)

    def resident(self) -> Split:
        """The same split with its images in memory."""
        return replace(self, pixels=self.images)

    def streaming(self) -> Split:
        """The same split with images that stream: from where they are stored, or else from the memory of the host."""
        pixels = Mapped(self.pixels.cpu().numpy()) if isinstance(self.pixels, Tensor) else self.pixels
        return replace(self, pixels=pixels)

    def to(self, device: torch.device | str) -> Split:
        """The same split on ``device``, without a copy if it is there already; images that stream follow in batches."""
        pixels = self.pixels.to(device) if isinstance(self.pixels, Tensor) else self.pixels
        return Split(pixels, self.labels.to(device), self.files)

    def subset(self, index: Int64[Tensor, " index"]) -> Split:
        """The images at the positions ``index``, in that order."""
        index = index.to(self.labels.device)
        files = None if self.files is None else tuple(self.files[i] for i in index.tolist())
        if isinstance(self.pixels, Tensor):
            return Split(self.pixels[index], self.labels[index], files)
        return Split(Part(self.pixels, index.cpu().numpy()), self.labels[index], files)

    def read(self, rows: Sequence[Row]) -> Iterator[Pixels]:
        """The images of each row of positions, in turn, on the device of the labels.

        Images that stream are read ahead by threads, for which positions in a tensor are best on the CPU.
        """
        if isinstance(self.pixels, Tensor):
            for row in rows:
                yield self.pixels[row]
            return
        for pixels in ahead(self._fetch, rows):
            yield pixels.to(self.labels.device, non_blocking=True)

    def _fetch(self, row: Row) -> Pixels:
        assert isinstance(self.pixels, Stored)
        index = np.arange(*row.indices(len(self))) if isinstance(row, slice) else row.cpu().numpy()
        pixels = torch.from_numpy(self.pixels.read(index))
        return pixels.pin_memory() if self.labels.is_cuda else pixels  # pinned memory is copied while the GPU computes

    def stratified(self, count: int, seed: int) -> Split:
        """``count`` images whose classes have the shares of the whole, in the order of the whole.

        With one seed a smaller sample is part of every larger one, so numbers on 1,000 and on 2,000 images are
        comparable. Raises ValueError unless 1 <= count <= len(self).
        """
        if not 1 <= count <= len(self):
            raise ValueError(
                f"A sample must have between 1 and all {len(self)} images of the split; asked for {count}."
            )
        return self.subset(_stratified_order(self.labels, seed)[:count].sort().values)


def hold_out(split: Split, amount: float | int, seed: int) -> tuple[Split, Split]:
    """Divide a split in two, (rest, held out): stratified, disjoint, together all, each in the order of the whole.

    ``amount`` is a number of images if it is an int, a share in (0, 1) if it is a float.
    Raises ValueError if either part would be empty.
    """
    count = amount if isinstance(amount, int) else round(amount * len(split))
    if not 1 <= count < len(split):
        raise ValueError(
            f"The held-out part must have at least one and not all of the {len(split)} images: "
            f"an int (a number of images) or a float between 0 and 1 (a share); found {amount!r}."
        )
    order = _stratified_order(split.labels, seed)
    return split.subset(order[count:].sort().values), split.subset(order[:count].sort().values)


def _stratified_order(labels: Labels, seed: int) -> Int64[Tensor, " batch"]:
    """An order of the images of which every beginning is stratified.

    The k-th of the n shuffled images of a class goes to the place (k + 1/2) / n of the whole: for each class, its
    images are spread evenly. Taking the first of them is the apportionment of Sainte-Lague, which never takes a seat
    back as the house grows, where rounding the shares of each sample by itself does.
    """
    shuffled = permutation(len(labels), seed, "stratified")
    drawn = labels.cpu()[shuffled]
    by_class = drawn.argsort(stable=True)
    counts = drawn.bincount()
    first = counts.cumsum(0) - counts
    of = drawn[by_class]
    place = ((torch.arange(len(of)) - first[of]).double() + 0.5) / counts[of]
    return shuffled[by_class[place.argsort(stable=True)]]
