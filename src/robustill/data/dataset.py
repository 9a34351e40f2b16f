"""A dataset: a training and a test split with the names of their classes, checked once for every source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch

from robustill.data.split import Split


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a source gives. ``name`` is the text that loads it, such as ``folder:photos``.

    Raises ValueError for fewer than two classes, a name that cannot be shown or that two have, labels that name no
    class, a class without a training image, an empty test split, or splits whose images differ in shape.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(f"{self.name}: a classifier needs at least two classes; found {_listed(self.classes)}.")
        if odd := [name for name in self.classes if not name.isprintable() or not name.strip()]:
            raise ValueError(
                f"{self.name}: the name of a class must be text that can be shown; found {odd[0]!r}. Rename it."
            )
        if twice := [name for name, count in Counter(self.classes).items() if count > 1]:
            raise ValueError(f"{self.name}: the names of classes must differ; found {_listed(twice)} more than once.")
        for part, split in (("training", self.train), ("test", self.test)):
            self._check_labels(part, split)
        if self.train.shape != self.test.shape:
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
        return self.train.shape[0]

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.train.shape[1:]

    def channel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel over all pixels of the training split, in pixels of [0, 1].

        Taken from the histogram of the 256 levels: no float copy of the images, and the same numbers on every device.
        """
        counts = torch.zeros(self.channels, 256, dtype=torch.int64)
        for pixels in self.train.read([slice(i, i + 4096) for i in range(0, len(self.train), 4096)]):
            counts += torch.stack([channel.flatten().bincount(minlength=256).cpu() for channel in pixels.unbind(1)])
        shares = counts.double() / counts.sum(1, keepdim=True)
        levels = torch.arange(256, dtype=torch.float64) / 255
        mean = (shares * levels).sum(1, keepdim=True)
        deviation = (shares * (levels - mean).square()).sum(1).sqrt()
        return tuple(mean.flatten().tolist()), tuple(deviation.tolist())


def _listed(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return (shown or "none") + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _shape(split: Split) -> str:
    channels, height, width = split.shape
    return f"{channels}x{height}x{width} (channels x height x width)"
