"""The idx format of MNIST and Fashion-MNIST.

Two zeros, 8 for bytes, the number of axes, the length of each (4 bytes, big-endian), and the data.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from robustill.data.images import Stack
from robustill.data.named import Content, Raw

IDX = "train-images?idx3-ubyte*"
"""By which a folder of such files is known."""


def read_idx(file: Path) -> UInt8[np.ndarray, " *axes"]:
    """The array of an idx file of bytes, gzipped or not. Raises ValueError if it is another file, or not whole."""
    content = file.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise ValueError(f"{file} is not a whole gzip file ({error}); get it again.") from error
    if content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{file} must be an idx file of bytes, gzipped or not; it begins with {content[:3].hex(' ')}.")
    start = 4 + 4 * content[3] if len(content) > 3 else 4
    if len(content) < start:
        raise ValueError(f"{file} must have a header of {start} bytes; found {len(content)}. Get it again.")
    shape = np.frombuffer(content[4:start], ">u4").astype(np.int64)
    if len(content) - start != shape.prod():
        raise ValueError(
            f"{file} must hold {shape.prod()} bytes after its header; found {len(content) - start}. Get it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_pair(folder: Path) -> Content:
    """A set of four files: images and labels, to train on (train) and to test on (t10k).

    Raises FileNotFoundError or ValueError, naming the file, if one is missing or is not what it should be.
    """
    train, test = (Raw(_images(folder, part), _labels(folder, part)) for part in ("train", "t10k"))
    return Content(train, test)


def _images(folder: Path, part: str) -> Stack:
    images = read_idx(_file(folder, f"{part}-images?idx3-ubyte"))
    return images[:, None]


def _labels(folder: Path, part: str) -> Int64[np.ndarray, " batch"]:
    return read_idx(_file(folder, f"{part}-labels?idx1-ubyte")).astype(np.int64)


def _file(folder: Path, pattern: str) -> Path:
    """The one file of a name, gzipped or not; some write a dot where others write a hyphen."""
    found = sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.gz")])
    if not found:
        raise FileNotFoundError(f"{folder} must hold {pattern.replace('?', '-')}, gzipped or not; get it again.")
    return found[0]
