"""Arrays of numpy from files, without unpickling; those too large for the memory stay on the disk and are mapped."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from numpy.lib import format as npy
from numpy.typing import NDArray

from robustill.data.memory import fits

Array = NDArray[Any]


def open_npy(file: Path) -> Array:
    """The array of an .npy file, mapped.

    Raises FileNotFoundError if there is no such file and ValueError if it holds no array of numbers.
    """
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}: give the path of what numpy.save has written.")
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile):
        array = None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{file} is no array of numbers, or not a whole one: write it with numpy.save.")
    return array


def open_npz(file: Path, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Array]:
    """Arrays of an archive by name: read and verified, or mapped where they are too large and not compressed.

    Raises FileNotFoundError if there is no such file and ValueError, naming the array, for whatever else is wrong.
    """
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
        if missing := [name for name in required if name not in archive.files]:
            raise ValueError(
                f"{file} must hold the arrays {', '.join(required)}; {', '.join(missing)} missing, "
                f"found {', '.join(archive.files) or 'none'}."
            )
        wanted = [*required, *(name for name in archive.files if name in optional)]
        return {name: _member(archive, name, file) for name in wanted}


def _member(archive: np.lib.npyio.NpzFile, name: str, file: Path) -> Array:
    try:
        mapped = _mapped(archive.zip.getinfo(f"{name}.npy"), file)  # type: ignore[union-attr]  # open until closed
        return np.asarray(archive[name]) if mapped is None or fits(mapped.nbytes) else mapped
    except Exception as error:  # numpy's header parser, zipfile and each decompressor have their own errors
        if "allow_pickle" in str(error):
            raise ValueError(
                f"{file}: {name} must be an array of numbers or of text; found Python objects, which are not unpickled "
                "because that could run anything."
            ) from error
        raise ValueError(f"{file}: {name} cannot be read ({error}); the archive is damaged.") from error


def _mapped(member: zipfile.ZipInfo, file: Path) -> Array | None:
    """The array of a member where it lies in the file, or None if it cannot be mapped: compressed, or of objects."""
    if member.compress_type != zipfile.ZIP_STORED:
        return None
    with file.open("rb") as stream:
        stream.seek(member.header_offset + 26)  # the lengths of the name and of the extra field end a header of 30
        stream.seek(sum(struct.unpack("<HH", stream.read(4))), 1)
        version = npy.read_magic(stream)
        if version > (2, 0):
            return None
        shape, fortran, dtype = (npy.read_array_header_1_0, npy.read_array_header_2_0)[version[0] - 1](stream)
        if dtype.hasobject or 0 in shape:
            return None
        return np.memmap(file, dtype, "r", stream.tell(), shape, "F" if fortran else "C")


def as_images(x: Array, where: str) -> UInt8[np.ndarray, "batch channels height width"]:
    """A view of bytes in the order NHW, NHWC or NCHW as NCHW. Raises ValueError for anything else."""
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
    return x.transpose(0, 3, 1, 2) if last else x


def as_labels(y: Array, where: str) -> Int64[np.ndarray, " batch"]:
    """One whole number an image. Raises ValueError for anything else."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]  # a column, as Keras writes its sets
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise ValueError(f"{where} must be one whole number for each image; found {y.dtype} of the shape {y.shape}.")
    return y.astype(np.int64)


def numbered_classes(labels: Int64[np.ndarray, " batch"], where: str) -> tuple[str, ...]:
    """Classes that have no names but their numbers. Raises ValueError unless all from 0 on are used."""
    used = np.unique(labels)
    if not np.array_equal(used, np.arange(len(used))):
        raise ValueError(
            f"{where} must use every label from 0 to the number of classes - 1; found {len(used)} different labels "
            f"from {used[0]} to {used[-1]}. Give the classes names if the numbers are meant."
        )
    return tuple(str(label) for label in used)
