"""Image files as stored images: decoded whenever they are read, by the same code whether they stream or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from robustill.data.images import File, Single, Stack, decode, is_grey, name_of
from robustill.data.stored import Index, Stored


@runtime_checkable
class Files(Protocol):
    """A list of files, or anything that gives them by position."""

    def __len__(self) -> int: ...

    def __getitem__(self, position: int, /) -> File: ...


@dataclass(frozen=True, eq=False)
class ImageFiles(Stored):
    """Files that are read as images of ``channels`` x ``height`` x ``width``.

    ``image_size`` is the side to which they are resized, or None where they have to have the size of ``first``.
    """

    files: Files
    channels: int
    height: int
    width: int
    image_size: int | None
    first: str

    @classmethod
    def of(cls, files: Files, *, image_size: int | None = None, channels: int | None = None) -> ImageFiles:
        """Stored images of the size of the first of them; without ``channels`` grey if all are, else RGB.

        Raises ValueError if none of them can be read as an image. One that is broken is named when it is read.
        """
        if channels is None:
            channels = 1 if all(_grey_or_broken(files[i]) for i in range(len(files))) else 3
        first, image = _first(files)
        height, width = (image_size, image_size) if image_size else image.shape[1:]
        return cls(files, channels, height, width, image_size, first)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.files), self.channels, self.height, self.width

    def read(self, index: Index) -> Stack:
        stack = np.empty((len(index), *self.shape[1:]), np.uint8)
        for place, position in enumerate(index.tolist()):
            file = self.files[position]
            image = decode(file, image_size=self.image_size, channels=self.channels)
            if image.shape != stack.shape[1:]:
                _, height, width = image.shape
                raise ValueError(
                    f"Images must have one size, or `image_size` must be given to resize them; found {self.first} with "
                    f"{self.width}x{self.height} and {name_of(file)} with {width}x{height} (width x height)."
                )
            stack[place] = image
        return stack

    def original(self, position: int) -> Single:
        return decode(self.files[position])


def _grey_or_broken(file: File) -> bool:
    try:
        return is_grey(file)
    except ValueError:
        return True


def _first(files: Files) -> tuple[str, Single]:
    """The first image that can be read, and its name."""
    errors = []
    for i in range(len(files)):
        try:
            return name_of(files[i]), decode(files[i])
        except ValueError as error:
            errors.append(error)
    raise errors[0]
