"""SVHN, the cropped digits. Netzer, Wang, Coates, Bissacco, Wu, Ng, "Reading Digits in Natural Images with Unsupervised
Feature Learning", NIPS workshop 2011."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robustill.data.dataset import Dataset
from robustill.data.formats.matlab import read_matlab
from robustill.data.named import Content, Layout, NamedSet, Raw


def _matlab(folder: Path) -> Content:
    train, test = (_split(folder / f"{part}_32x32.mat") for part in ("train", "test"))
    return Content(train, test)


def _split(file: Path) -> Raw:
    arrays = read_matlab(file)
    x, y = arrays.get("X"), arrays.get("y")
    if x is None or y is None or x.shape != (32, 32, 3, y.size):
        found = ", ".join(f"{name} of {array.shape}" for name, array in arrays.items()) or "no array of bytes"
        raise ValueError(f"{file} must hold X of 32x32x3xN bytes and y of N; found {found}. Get the file again.")
    return Raw(x.transpose(3, 2, 0, 1), y.ravel().astype(np.int64) % 10)  # the digit 0 has the label 10


SET = NamedSet(
    name="svhn",
    title="SVHN",
    num_classes=10,
    counts=(73_257, 26_032),
    shape=(3, 32, 32),
    page="http://ufldl.stanford.edu/housenumbers",
    layouts=tuple(Layout(folder, "train_32x32.mat", _matlab) for folder in ("svhn", "SVHN", ".")),
    classes=tuple("0123456789"),
)
SPEC = "svhn[:PATH]"
SUMMARY = SET.summary


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the set from ``path``, or from where it is found; see :class:`~robustill.data.named.NamedSet`."""
    return SET.load(path, image_size=image_size, channels=channels)
