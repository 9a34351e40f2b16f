"""Images that stay where they are, in files or in an array on the disk, and are read when they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from robustill.data.ahead import ahead
from robustill.data.images import Resized, Single, Stack, resize

Index = Int64[np.ndarray, " index"]

_CHUNK = 64  # images a thread takes at a time: small ones cost less than the hand-over of one


class Stored(ABC):
    """So many images of one shape, as bytes; threads may read at the same time."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int, int]:
        """Images, channels, height and width, known without reading them all."""

    @abstractmethod
    def read(self, index: Index) -> Stack:
        """The images at these positions, in that order, in an array of their own."""

    @abstractmethod
    def original(self, position: int) -> Single:
        """One image in its own size and channels, before it was made to fit."""

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """What all of them take in memory."""
        return prod(self.shape)


@dataclass(frozen=True, eq=False)
class Part(Stored):
    """Some images of many."""

    whole: Stored
    index: Index

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self.index), *self.whole.shape[1:])

    def read(self, index: Index) -> Stack:
        return self.whole.read(self.index[index])

    def original(self, position: int) -> Single:
        return self.whole.original(int(self.index[position]))


@dataclass(frozen=True, eq=False)
class Mapped(Stored):
    """An array (NCHW, possibly a view of another order), in memory or mapped from a file, resized as it is read."""

    array: NDArray[np.uint8]
    image_size: int | None = None
    channels: int | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        count, channels, height, width = self.array.shape
        return count, self.channels or channels, self.image_size or height, self.image_size or width

    def read(self, index: Index) -> Resized:
        images = np.ascontiguousarray(self.array[index])
        return resize(images, image_size=self.image_size, channels=self.channels)

    def original(self, position: int) -> Single:
        return np.ascontiguousarray(self.array[position])


def in_memory(stored: Stored) -> Stack:
    """All images, read by several threads; those of an array in memory are not copied if they fit as they are."""
    if isinstance(stored, Mapped) and stored.shape == stored.array.shape:
        flags = stored.array.flags
        if flags.c_contiguous and flags.writeable:  # what is mapped is not
            return stored.array
    stack = np.empty(stored.shape, np.uint8)
    chunks = [np.arange(i, min(i + _CHUNK, len(stored))) for i in range(0, len(stored), _CHUNK)]
    for chunk, images in zip(chunks, ahead(stored.read, chunks), strict=True):
        stack[chunk[0] : chunk[-1] + 1] = images
    return stack
