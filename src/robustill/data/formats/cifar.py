"""CIFAR-10 and CIFAR-100 as published: the Python version (pickles) and the binary one (rows of labels and pixels)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robustill.data.formats.pickles import read_pickle
from robustill.data.images import Stack
from robustill.data.named import Raw

_PIXELS = 3 * 32 * 32


def from_pickles(folder: Path, files: Sequence[str], key: bytes) -> Raw:
    """Images and labels of pickled files, whose labels are under ``key``. Raises ValueError for other files."""
    parts = []
    for name in files:
        content = read_pickle(folder / name)
        data: Any = content.get(b"data")
        labels: Any = content.get(key)
        sound = isinstance(data, np.ndarray) and data.dtype == np.uint8 and isinstance(labels, list)
        sound = sound and all(isinstance(label, int) for label in labels)
        if not sound or data.shape != (len(labels), _PIXELS):
            raise ValueError(
                f"{folder / name} must hold {_PIXELS} bytes for each image under `data` and its labels under "
                f"`{key.decode()}`; found {', '.join(map(repr, content)) or 'nothing'}. Get the file again."
            )
        parts.append((data, np.array(labels, np.int64)))
    return Raw(_images(np.concatenate([data for data, _ in parts])), np.concatenate([labels for _, labels in parts]))


def from_bytes(folder: Path, files: Sequence[str], labels: int) -> Raw:
    """Images of binary files, whose rows begin with so many labels, of which the last counts.

    Raises ValueError for other files.
    """
    rows = []
    for name in files:
        content = np.fromfile(folder / name, np.uint8)
        if len(content) % (labels + _PIXELS):
            raise ValueError(
                f"{folder / name} must be rows of {labels + _PIXELS} bytes; found {len(content)} bytes. Get it again."
            )
        rows.append(content.reshape(-1, labels + _PIXELS))
    content = np.concatenate(rows)
    return Raw(_images(content[:, labels:]), content[:, labels - 1].astype(np.int64))


def _images(rows: np.ndarray) -> Stack:
    return np.ascontiguousarray(rows).reshape(-1, 3, 32, 32)
