"""Small copies of the layouts in which sets are published, written from random images."""

from __future__ import annotations

import gzip
import pickle
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

SEEN = {"train": 20, "test": 10}
"""Images of the parts of a small copy."""


def images(part: str, *, channels: int = 3, side: int = 32) -> Bytes:
    """The images of a part, NCHW: the same whenever they are asked for."""
    random = np.random.default_rng(len(part))
    return random.integers(0, 256, (SEEN[part], channels, side, side), dtype=np.uint8)


def labels(part: str, classes: int = 10) -> NDArray[np.int64]:
    """Their labels, in no order."""
    return (np.arange(SEEN[part]) * 7 % classes).astype(np.int64)


def pickled_cifar(folder: Path, *, files: dict[str, Sequence[str]], key: bytes, classes: int = 10) -> Path:
    """The Python version: ``files`` of each part share its images."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, names in files.items():
        rows = np.split(images(part).reshape(SEEN[part], -1), len(names))
        for name, data, y in zip(names, rows, np.split(labels(part, classes), len(names)), strict=True):
            content = {b"data": data, key: y.tolist(), b"filenames": [b"a.png"] * len(y), b"batch_label": b"x"}
            (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return folder


def binary_cifar(folder: Path, *, files: dict[str, Sequence[str]], coarse: bool = False, classes: int = 10) -> Path:
    """The binary version, whose rows are labels and pixels; ``coarse`` ones come before the fine ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, names in files.items():
        columns = [labels(part, classes).astype(np.uint8)[:, None], images(part).reshape(SEEN[part], -1)]
        rows = np.hstack([np.full_like(columns[0], 99), *columns] if coarse else columns)
        for name, content in zip(names, np.split(rows, len(names)), strict=True):
            (folder / name).write_bytes(content.tobytes())
    return folder


def idx(array: Bytes) -> bytes:
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()


def idx_files(folder: Path, *, zipped: bool = True, dot: bool = False) -> Path:
    """The four files of MNIST and Fashion-MNIST, gzipped or not."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", "train"), ("t10k", "test")):
        arrays = {"images": images(part, channels=1, side=28)[:, 0], "labels": labels(part).astype(np.uint8)}
        for kind, array in arrays.items():
            file = folder / f"{name}-{kind}{'.' if dot else '-'}idx{array.ndim}-ubyte{'.gz' if zipped else ''}"
            file.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    return folder


def matlab(arrays: dict[str, Bytes], *, compressed: bool = True) -> bytes:
    """A MATLAB file of version 5."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    content = b"MATLAB 5.0 MAT-file, by a test".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    for name, array in arrays.items():
        axes = np.array(array.shape, "<i4").tobytes()
        parts = [(6, struct.pack("<II", 9, 0)), (5, axes), (1, name.encode()), (2, array.tobytes(order="F"))]
        matrix = element(14, b"".join(element(kind, data) for kind, data in parts))
        packed = zlib.compress(matrix)
        content += struct.pack("<II", 15, len(packed)) + packed if compressed else matrix
    return content


def svhn_files(folder: Path) -> Path:
    """The two files of the cropped digits, whose zero has the label 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in SEEN:
        y = labels(part)
        content = {"X": images(part).transpose(2, 3, 1, 0), "y": np.where(y == 0, 10, y).astype(np.uint8)[:, None]}
        (folder / f"{part}_32x32.mat").write_bytes(matlab(content))
    return folder


def save(file: Path, image: Bytes) -> None:
    """One image (CHW), without loss."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))).save(file)


def tiny_files(folder: Path, classes: Sequence[str]) -> Path:
    """Tiny ImageNet's folders, with the classes of the validation images in a list; some images are grey."""
    (folder / "val").mkdir(parents=True, exist_ok=True)
    for i, (image, label) in enumerate(zip(images("train", side=64), labels("train", len(classes)), strict=True)):
        name = classes[label]
        save(folder / "train" / name / "images" / f"{name}_{i}.png", image[:1] if i == 3 else image)
        (folder / "train" / name / "images" / f"{name}_{i}.png").rename(
            folder / "train" / name / "images" / f"{name}_{i:02}.JPEG"
        )
    lines = []
    for i, (image, label) in enumerate(zip(images("test", side=64), labels("test", len(classes)), strict=True)):
        save(folder / "val" / "images" / f"val_{i}.png", image)
        (folder / "val" / "images" / f"val_{i}.png").rename(folder / "val" / "images" / f"val_{i}.JPEG")
        lines.append(f"val_{i}.JPEG\t{classes[label]}\t0\t0\t62\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    return folder


def image_folder(folder: Path, classes: Sequence[str], *, channels: int = 3, side: int = 32) -> Path:
    """``{train,test}/CLASS/IMAGE``."""
    for part in SEEN:
        y = labels(part, len(classes))
        for i, (image, label) in enumerate(zip(images(part, channels=channels, side=side), y, strict=True)):
            save(folder / part / classes[label] / f"{i:02}.png", image)
    return folder


def same(split: Any, part: str, *, channels: int = 3, side: int = 32, classes: int = 10) -> bool:
    """Whether a split holds the images and labels of a part, in any order."""
    order = np.argsort(split.labels.numpy(), kind="stable"), np.argsort(labels(part, classes), kind="stable")
    found, wanted = split.images.numpy()[order[0]], images(part, channels=channels, side=side)[order[1]]
    return (
        bool(np.array_equal(found, wanted))
        and split.labels.bincount().tolist() == np.bincount(labels(part, classes)).tolist()
    )
