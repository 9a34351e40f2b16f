"""What a dataset is made of, and what is wrong with it: looked at image by image, each in its own size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from robustill.data.ahead import ahead
from robustill.data.dataset import Dataset
from robustill.data.images import Single
from robustill.data.split import Split
from robustill.data.stored import Stored


@dataclass(frozen=True)
class PartCheck:
    """What was found in one split.

    Attributes:
        images: how many.
        classes: how many of each class, by name.
        sizes: how many of each width x height, in pixels.
        channels: how many grey (1) and colour (3) images.
        low, high: the range of the pixels, of 0 to 255.
        broken: the images that cannot be read, each with the reason.
        duplicates: groups of images with the same pixels.
        conflicts: those of the groups whose images have different labels.
    """

    images: int
    classes: dict[str, int]
    sizes: dict[str, int]
    channels: dict[int, int]
    low: int
    high: int
    broken: list[str]
    duplicates: list[list[str]]
    conflicts: list[list[str]]


@dataclass(frozen=True)
class DataCheck:
    """What was found in a dataset. ``across`` holds groups of images with the same pixels in both splits."""

    data: str
    train: PartCheck
    test: PartCheck
    across: list[list[str]]

    @property
    def wrong(self) -> list[str]:
        """What should be mended before anything is trained or measured on it, a sentence each."""
        found = []
        for name, part in (("training", self.train), ("test", self.test)):
            if part.broken:
                found.append(f"{len(part.broken):,} {name} images cannot be read: repair or remove them.")
            if empty := [label for label, count in part.classes.items() if count == 0]:
                found.append(f"{len(empty)} classes have no {name} image: {', '.join(empty[:5])}.")
        if self.across:
            count = sum(len(group) for group in self.across)
            found.append(
                f"{len(self.across):,} images occur in training and test ({count:,} copies): remove one of each, or "
                "the test measures memory."
            )
        return found

    @property
    def notes(self) -> list[str]:
        """What is worth knowing, and may be meant."""
        found = []
        sizes = {*self.train.sizes, *self.test.sizes}
        if len(sizes) > 1:
            found.append(f"Images have {len(sizes)} sizes: training needs --image_size.")
        if {*self.train.channels, *self.test.channels} == {1, 3}:
            found.append("Some images are grey and some in colour: all are read as colour, unless --channels 1.")
        for name, part in (("training", self.train), ("test", self.test)):
            if part.duplicates:
                found.append(
                    f"{sum(len(group) - 1 for group in part.duplicates):,} {name} images are copies of others, "
                    f"{len(part.conflicts):,} of them under another label."
                )
            if part.images > len(part.broken) and part.high <= 1:
                found.append(f"No {name} pixel is above {part.high} of 255: were pixels of [0, 1] saved as bytes?")
        return found

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "wrong": self.wrong, "notes": self.notes}


def check(dataset: Dataset, advance: Callable[[int], None] = lambda images: None) -> DataCheck:
    """Looks at every image of a dataset once; load it with ``stream=True``, so that nothing is read before.

    ``advance`` is called with the number of images looked at.
    """
    train, test = _Looked("train", dataset.train), _Looked("test", dataset.test)
    for looked in (train, test):
        for position, look in enumerate(_looks(looked.split)):
            looked.add(position, look)
            advance(1)
    across = [
        train.called(same) + test.called(test.copies[digest])
        for digest, same in train.copies.items()
        if digest in test.copies
    ]
    return DataCheck(dataset.name, train.check(dataset.classes), test.check(dataset.classes), across)


@dataclass(frozen=True)
class _Look:
    """One image, looked at; with a reason instead of the rest if it is broken."""

    broken: str = ""
    size: str = ""
    channels: int = 0
    low: int = 255
    high: int = 0
    digest: bytes = b""


class _Looked:
    """One split, as far as it has been looked at; ``copies`` holds positions by a hash of the pixels there."""

    def __init__(self, name: str, split: Split) -> None:
        self.name, self.split = name, split
        self.sound: list[_Look] = []
        self.broken: list[str] = []
        self.copies: dict[bytes, list[int]] = {}

    def add(self, position: int, look: _Look) -> None:
        if look.broken:
            self.broken.append(look.broken)
        else:
            self.sound.append(look)
            self.copies.setdefault(look.digest, []).append(position)

    def called(self, positions: list[int]) -> list[str]:
        """The files of images or, without files, their places."""
        files = self.split.files
        return [files[i] if files else f"{self.name}[{i}]" for i in positions]

    def check(self, classes: tuple[str, ...]) -> PartCheck:
        counts = self.split.labels.bincount(minlength=len(classes)).tolist()
        groups = [same for same in self.copies.values() if len(same) > 1]
        return PartCheck(
            images=len(self.split),
            classes=dict(zip(classes, counts, strict=True)),
            sizes=dict(Counter(look.size for look in self.sound).most_common()),
            channels=dict(Counter(look.channels for look in self.sound).most_common()),
            low=min((look.low for look in self.sound), default=0),
            high=max((look.high for look in self.sound), default=0),
            broken=self.broken,
            duplicates=[self.called(same) for same in groups],
            conflicts=[self.called(same) for same in groups if len(set(self.split.labels[same].tolist())) > 1],
        )


def _looks(split: Split) -> Iterator[_Look]:
    stored = split.streaming().pixels
    assert isinstance(stored, Stored)

    def look(position: int) -> _Look:
        try:
            return _look(stored.original(position))
        except ValueError as error:
            return _Look(broken=str(error))

    return ahead(look, range(len(split)))


def _look(image: Single) -> _Look:
    channels, height, width = image.shape
    digest = blake2b(image.tobytes(), digest_size=16, salt=f"{height}x{width}".encode()).digest()
    return _Look("", f"{width}x{height}", channels, int(image.min()), int(image.max()), digest)
