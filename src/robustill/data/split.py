"""A split: images and their labels, whole, as tensors on one device; and the stratified ways of taking a part of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from robustill.data.seeds import permutation
from robustill.types import Labels


@dataclass(frozen=True, eq=False)
class Split:
    """Images as bytes (NCHW, 0 to 255), the class of each, and the file of each where they came from files.

    Raises ValueError if the images are no bytes or the lengths differ.
    """

    # Pixels and Labels; named Tensor because whoever builds a split by hand is told below what else was found
    images: Tensor
    labels: Tensor
    files: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise ValueError(
                "The images of a split must be bytes of 0 to 255 in the order NCHW (uint8, 4 axes); "
                f"found {self.images.dtype} with {self.images.ndim} axes."
            )
        lengths = {"images": len(self.images), "labels": len(self.labels)}
        if self.files is not None:
            lengths["files"] = len(self.files)
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{count} {name}" for name, count in lengths.items())
            raise ValueError(
                f"Every image of a split needs exactly one label (and one file, if files are given); found {found}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> Split:
        """The same split on ``device``, without a copy if it is there already."""
        return Split(self.images.to(device), self.labels.to(device), self.files)

    def subset(self, index: Int64[Tensor, " index"]) -> Split:
        """The images at the positions ``index``, in that order."""
        index = index.to(self.labels.device)
        files = None if self.files is None else tuple(self.files[i] for i in index.tolist())
        return Split(self.images[index], self.labels[index], files)

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
