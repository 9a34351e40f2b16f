"""A numpy archive of four arrays ``x_train, y_train, x_test, y_test``, and ``classes`` if the classes have names."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from numpy.typing import NDArray

from robustill.data.dataset import Dataset
from robustill.data.images import resize
from robustill.data.split import Split

SPEC = "npz:PATH"
SUMMARY = "a numpy archive: x_train, x_test of bytes (NHW, NHWC or NCHW), y_train, y_test, and optional names `classes`"

_REQUIRED = ("x_train", "y_train", "x_test", "y_test")

Array = NDArray[Any]


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the archive at ``path``. Nothing in it is unpickled.

    Images are uint8 of 1 or 3 channels; labels are whole numbers from 0. Raises FileNotFoundError if there is no such
    file and ValueError, naming the array, for whatever else is wrong with it.
    """
    return read(Path(path).expanduser(), name=f"npz:{path}", image_size=image_size, channels=channels)


def read(file: Path, *, name: str, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """The dataset ``name`` from an archive: the same for other sources that keep their images in one."""
    arrays = _arrays(file)
    splits = []
    for part in ("train", "test"):
        images = resize(_images(arrays[f"x_{part}"], f"{file}: x_{part}"), image_size=image_size, channels=channels)
        labels = _labels(arrays[f"y_{part}"], f"{file}: y_{part}")
        if len(images) != len(labels):
            raise ValueError(
                f"{file}: every image needs one label; found {len(images)} images in x_{part} "
                f"and {len(labels)} labels in y_{part}."
            )
        splits.append(Split(torch.from_numpy(images), torch.from_numpy(labels)))
    train, test = splits
    return Dataset(name, train, test, _classes(arrays, f"{file}: y_train"))


def _arrays(file: Path) -> dict[str, Array]:
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}: give the path of an .npz archive.")
    with file.open("rb") as stream:  # by numpy itself it would be left open where it is no archive
        try:
            archive = np.load(stream, allow_pickle=False)
        except (ValueError, EOFError, zipfile.BadZipFile):
            archive = None
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError(
                f"{file} is not an .npz archive, or not a whole one: write it with numpy.savez_compressed."
            )
        if missing := [name for name in _REQUIRED if name not in archive.files]:
            raise ValueError(
                f"{file} must hold the arrays {', '.join(_REQUIRED)}; {', '.join(missing)} missing, "
                f"found {', '.join(archive.files) or 'none'}."
            )
        wanted = [*_REQUIRED, *(name for name in archive.files if name == "classes")]
        return {name: _member(archive, name, file) for name in wanted}


def _member(archive: np.lib.npyio.NpzFile, name: str, file: Path) -> Array:
    try:
        return np.asarray(archive[name])
    except Exception as error:  # numpy's header parser, zipfile and each decompressor have their own errors
        if "allow_pickle" in str(error):
            raise ValueError(
                f"{file}: {name} must be an array of numbers or of text; found Python objects, which are not unpickled "
                "because that could run anything."
            ) from error
        raise ValueError(f"{file}: {name} cannot be read ({error}); the archive is damaged.") from error


def _images(x: Array, where: str) -> UInt8[np.ndarray, "batch channels height width"]:
    if x.dtype != np.uint8:
        raise ValueError(
            f"{where} must be bytes of 0 to 255 (uint8); found {x.dtype}. Convert the images before saving them."
        )
    if x.ndim == 3:
        return x[:, None]
    last, first = (x.ndim == 4 and x.shape[axis] in (1, 3) for axis in (3, 1))
    if last == first:
        raise ValueError(
            f"{where} must have the axes NHW, NHWC or NCHW, with 1 or 3 channels in one of the two places; "
            f"found the shape {x.shape}" + (", which may be either." if last else ".")
        )
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if last else x


def _labels(y: Array, where: str) -> Int[np.ndarray, " batch"]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]  # a column, as Keras writes its sets
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise ValueError(f"{where} must be one whole number for each image; found {y.dtype} of the shape {y.shape}.")
    return y.astype(np.int64)


def _classes(arrays: dict[str, Array], where: str) -> tuple[str, ...]:
    if "classes" in arrays:
        return tuple(str(name) for name in arrays["classes"].ravel())
    used = np.unique(arrays["y_train"])
    if not np.array_equal(used, np.arange(len(used))):
        raise ValueError(
            f"{where} must use every label from 0 to the number of classes - 1; found {len(used)} different labels "
            f"from {used[0]} to {used[-1]}. Give `classes` if the numbers are meant."
        )
    return tuple(str(label) for label in used)
