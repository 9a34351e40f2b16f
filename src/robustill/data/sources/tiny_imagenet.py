"""Tiny ImageNet, 200 classes of ImageNet at 64x64. Le, Yang, "Tiny ImageNet Visual Recognition Challenge", 2015.

Its test labels are not public: as everywhere, the validation split is the test. The class of each of its images is in
``val/val_annotations.txt``. Copies with other classes are in circulation, so their names are those in the folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robustill.data.dataset import Dataset
from robustill.data.named import Content, Layout, NamedSet, Raw


def _original(folder: Path) -> Content:
    files = {place.name: sorted(map(str, (place / "images").glob("*.JPEG"))) for place in (folder / "train").iterdir()}
    classes = tuple(sorted(name for name, images in files.items() if images))
    train = [(file, label) for label, name in enumerate(classes) for file in files[name]]
    return Content(_raw(train), _raw(_annotated(folder, classes)), classes)


def _annotated(folder: Path, classes: tuple[str, ...]) -> list[tuple[str, int]]:
    """The test images and their classes, in the order of their list."""
    listed, number = folder / "val" / "val_annotations.txt", {name: label for label, name in enumerate(classes)}
    lines = [line.split("\t") for line in listed.read_text(encoding="utf-8").splitlines()]
    if wrong := [line for line in lines if len(line) < 2 or line[1] not in number]:
        raise ValueError(
            f"{listed} must name a file and one of the {len(classes)} classes in every line; found {wrong[0]}. Get the "
            "set again."
        )
    return [(str(folder / "val" / "images" / line[0]), number[line[1]]) for line in lines]


def _raw(images: list[tuple[str, int]]) -> Raw:
    return Raw([file for file, _ in images], np.array([label for _, label in images], np.int64))


SET = NamedSet(
    name="tiny-imagenet",
    title="Tiny ImageNet",
    num_classes=200,
    counts=(100_000, 10_000),
    shape=(3, 64, 64),
    page="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    layouts=(Layout("tiny-imagenet-200", "val/val_annotations.txt", _original),),
)
SPEC = "tiny-imagenet[:PATH]"
SUMMARY = SET.summary


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the set from ``path``, or from where it is found; see :class:`~robustill.data.named.NamedSet`."""
    return SET.load(path, image_size=image_size, channels=channels)
