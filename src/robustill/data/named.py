"""Sets of images that have a name: where they lie on a machine, in which of their layouts, and whether all is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64

from robustill.data.dataset import Dataset
from robustill.data.image_files import ImageFiles
from robustill.data.images import Stack
from robustill.data.sources.folder import listings
from robustill.data.split import Split
from robustill.data.stored import Mapped, Stored
from robustill.files import at_home

FOLDER = "ROBUSTILL_DATA"
"""The environment variable that names the folder of sets in which they are looked for first."""


class Raw(NamedTuple):
    """A split as it lies there: the images, or their files, and the label of each."""

    images: Stack | list[str]
    labels: Int64[np.ndarray, " batch"]


class Content(NamedTuple):
    """What a layout gives: the splits and, where the set does not fix them, the names of its classes."""

    train: Raw
    test: Raw
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """One way in which people keep a set.

    Attributes:
        folder: where it is below a folder of sets, or its absolute path.
        mark: a pattern of files that are in that folder in this layout alone.
        read: gives the content of that folder.
    """

    folder: str
    mark: str
    read: Callable[[Path], Content]


@dataclass(frozen=True)
class NamedSet:
    """A published set of images.

    Attributes:
        name: by which it is loaded.
        title: by which people know it.
        num_classes: how many classes it has.
        counts: how many training and test images.
        shape: channels, height and width of each.
        page: where it is to be had.
        layouts: how it may lie on a machine. One is always an image folder, ``NAME/{train,test}/CLASS/IMAGE``.
        classes: their names, in the order of the published labels; empty where the files say them.
    """

    name: str
    title: str
    num_classes: int
    counts: tuple[int, int]
    shape: tuple[int, int, int]
    page: str
    layouts: tuple[Layout, ...]
    classes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What it is, in one line."""
        (train, test), (channels, height, width) = self.counts, self.shape
        colour = "grey" if channels == 1 else "colour"
        images = f"{train:,} training and {test:,} test images, {height}x{width}, {colour}"
        return f"{self.title}: {images}, {self.num_classes} classes"

    def load(self, path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
        """The set from the folder ``path`` or, if that is empty, from the first place where it is found.

        Raises FileNotFoundError, naming every place looked at, if it is nowhere, and ValueError for files that are
        damaged, or hold another number of images or images of another size.
        """
        layout, folder = self._found(path)
        content = layout.read(folder)
        splits = []
        for part, count, (images, labels) in zip(("training", "test"), self.counts, content[:2], strict=True):
            if len(labels) != count:
                raise ValueError(
                    f"{self.title} has {count:,} {part} images; found {len(labels):,} in {folder}. Get it whole from "
                    f"{self.page}, or load a part of it as another set, with folder:PATH or npz:PATH."
                )
            pixels = _stored(images, image_size, channels or self.shape[0])
            found = pixels.shape[2:]
            if image_size is None and found != self.shape[1:]:
                raise ValueError(
                    f"{self.title} has images of {self.shape[1]}x{self.shape[2]} pixels; found {found[0]}x{found[1]} "
                    f"in {folder}. Load them as another set, with folder:PATH or npz:PATH, or give `image_size`."
                )
            splits.append(Split(pixels, torch.from_numpy(labels)))
        name = f"{self.name}:{path}" if path else self.name
        return Dataset(name, splits[0], splits[1], content.classes or self.classes)

    def _found(self, path: str) -> tuple[Layout, Path]:
        layouts = (*self.layouts, Layout(self.name, "train/*/*", self._from_folders))
        places = [at_home(path)] if path else folders()
        for place in places:
            for layout in layouts:
                if path and Path(layout.folder).is_absolute():
                    continue  # where it lies is not below the folder that is named
                # A folder that is named may be the set itself; one in which sets are looked for is not
                for folder in (place / layout.folder, place)[: 2 if path else 1]:
                    if any(file.is_file() for file in folder.glob(layout.mark)):
                        return layout, folder
        known = ", ".join(f"{layout.folder}/{layout.mark}" for layout in layouts)
        among = ", ".join(str(place) for place in places)
        raise FileNotFoundError(
            f"There is no {self.title} in {among}; looked for: {known}. Get it from {self.page}, and name the folder "
            f"in which it lies with {self.name}:PATH, or the folder of all sets with the environment variable {FOLDER}."
        )

    def _from_folders(self, folder: Path) -> Content:
        """The set as an image folder, whose classes have their names, or are numbered."""
        train, test = listings(folder)
        classes = self.classes or tuple(train)
        for names in (classes, tuple(map(str, range(self.num_classes)))):
            if len(names) == self.num_classes and train.keys() == set(names):
                return Content(_files(folder, train, names), _files(folder, test, names), classes)
        missing = [name for name in self.classes if name not in train]
        raise ValueError(
            f"{folder} must hold a folder for each of the {self.num_classes} classes of {self.title}; found "
            f"{len(train)}{f', none for {missing[0]!r}' if missing else ''}. Load another set with folder:{folder}."
        )


def folders() -> list[Path]:
    """The folders of sets, in the order in which they are searched."""
    places = (os.environ.get(FOLDER), "data", "~/.cache/robustill/data")
    return [at_home(place) for place in places if place]


def _files(folder: Path, listing: Mapping[str, list[str]], classes: tuple[str, ...]) -> Raw:
    files = [str(folder / file) for name in classes for file in listing[name]]
    return Raw(files, np.repeat(np.arange(len(classes)), [len(listing[name]) for name in classes]))


def _stored(images: Stack | list[str], image_size: int | None, channels: int) -> Stored:
    if isinstance(images, list):
        return ImageFiles.of(images, image_size=image_size, channels=channels)
    return Mapped(images, image_size, channels)
