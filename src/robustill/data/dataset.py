"""A dataset: a training and a test split with the names of their classes, checked once for every source."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from robustill.data.split import Split


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a source gives. ``name`` is the text that loads it, such as ``folder:photos``.

    Raises ValueError for fewer than two classes, labels that name no class, a class without a training image, an empty
    test split, or splits whose images differ in shape.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(f"{self.name}: a classifier needs at least two classes; found {_listed(self.classes)}.")
        for part, split in (("training", self.train), ("test", self.test)):
            self._check_labels(part, split)
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise ValueError(
                f"{self.name}: training and test images must have one shape; "
                f"found {_shape(self.train)} and {_shape(self.test)}."
            )
        counts = self.train.labels.bincount(minlength=len(self.classes)).tolist()
        if missing := [name for name, count in zip(self.classes, counts, strict=True) if count == 0]:
            raise ValueError(f"{self.name}: every class needs a training image; found none for {_listed(missing)}.")

    def _check_labels(self, part: str, split: Split) -> None:
        if len(split) == 0:
            raise ValueError(f"{self.name}: the {part} split must have images; found none.")
        low, high = (int(label) for label in split.labels.aminmax())
        if low < 0 or high >= len(self.classes):
            raise ValueError(
                f"{self.name}: the {part} labels must be 0 to {len(self.classes) - 1}, one for each of "
                f"{len(self.classes)} classes; found {low} to {high}."
            )

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return self.train.images.shape[1]

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.train.images.shape[2], self.train.images.shape[3]

    def channel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel over all pixels of the training split, in pixels of [0, 1].

        Taken from the histogram of the 256 levels: no float copy of the images, and the same numbers on every device.
        """
        levels = torch.arange(256, dtype=torch.float64) / 255
        means, deviations = [], []
        for channel in self.train.images.unbind(1):
            share = channel.flatten().bincount(minlength=256).cpu().double() / channel.numel()
            mean = (share * levels).sum()
            means.append(mean.item())
            deviations.append((share * (levels - mean).square()).sum().sqrt().item())
        return tuple(means), tuple(deviations)


def _listed(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return (shown or "none") + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _shape(split: Split) -> str:
    channels, height, width = split.images.shape[1:]
    return f"{channels}x{height}x{width} (channels x height x width)"
