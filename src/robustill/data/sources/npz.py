"""A numpy archive of four arrays ``x_train, y_train, x_test, y_test``, and ``classes`` where they have names."""

from __future__ import annotations

from pathlib import Path

import torch

from robustill.data.dataset import Dataset
from robustill.data.formats.arrays import as_images, as_labels, numbered_classes, open_npz
from robustill.data.split import Split
from robustill.data.stored import Mapped
from robustill.files import at_home

SPEC = "npz:PATH"
SUMMARY = "a numpy archive: x_train, x_test of bytes (NHW, NHWC or NCHW), y_train, y_test, and optional names `classes`"

_REQUIRED = ("x_train", "y_train", "x_test", "y_test")


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the archive at ``path``. Nothing in it is unpickled.

    Images are uint8 of 1 or 3 channels; labels are whole numbers from 0. Images that take more than a share of the free
    memory stay on the disk if the archive is not compressed (numpy.savez). Raises FileNotFoundError if there is no
    such file and ValueError, naming the array, for whatever else is wrong with it.
    """
    return read(at_home(path), name=f"npz:{path}", image_size=image_size, channels=channels)


def read(file: Path, *, name: str, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """The dataset ``name`` from an archive: the same for other sources that keep their images in one."""
    arrays = open_npz(file, _REQUIRED, ("classes",))
    splits = []
    for part in ("train", "test"):
        images = as_images(arrays[f"x_{part}"], f"{file}: x_{part}")
        labels = as_labels(arrays[f"y_{part}"], f"{file}: y_{part}")
        if len(images) != len(labels):
            raise ValueError(
                f"{file}: every image needs one label; found {len(images)} images in x_{part} "
                f"and {len(labels)} labels in y_{part}."
            )
        splits.append(Split(Mapped(images, image_size, channels), torch.from_numpy(labels)))
    train, test = splits
    if "classes" in arrays:
        classes = tuple(str(name) for name in arrays["classes"].ravel())
    else:
        classes = numbered_classes(train.labels.numpy(), f"{file}: y_train")
    return Dataset(name, train, test, classes)
