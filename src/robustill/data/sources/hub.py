"""Image classification sets of the Hugging Face hub, and local folders in its layouts, by the library ``datasets``.

``hf:OWNER/NAME``, or ``hf:PATH`` of a folder with parquet files or class folders. What the set leaves open is said
after a question mark: ``hf:uoft-cs/cifar100?label=fine_label``, ``hf:ufldl-stanford/svhn?name=cropped_digits``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import torch

from robustill.data.dataset import Dataset
from robustill.data.formats.arrays import numbered_classes
from robustill.data.image_files import ImageFiles
from robustill.data.images import Embedded, File
from robustill.data.split import Split
from robustill.files import at_home

SPEC = "hf:OWNER/NAME"
SUMMARY = "a set of the Hugging Face hub, or hf:PATH, a folder of parquet files or class folders (extra [hub])"

_OPTIONS = {
    "name": "the configuration",
    "image": "the column of images",
    "label": "the column of labels",
    "train": "the split to train on",
    "test": "the split to test on",
}
_TESTS = ("test", "validation")


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the set with its splits train and test, or validation where there is no test.

    Images are in the one column of images, or of bytes of image files, labels in the one column of class labels or,
    without one, of whole numbers; files are read as those of ``folder:``. The library keeps what it downloads in its
    own cache.

    Raises ValueError, naming the set, if the library is not installed, if the set cannot be had, or where splits or
    columns are missing or more than one may be meant.
    """
    place, _, query = path.partition("?")
    chosen, where = _chosen(query, path), f"hf:{place}"
    found = _fetched(place, chosen.get("name"))
    names = _splits(found, chosen, where)
    features = found[names[0]].features
    image, label = _image_column(features, chosen, where), _label_column(features, chosen, where)
    rows = _Rows([found[name] for name in names], image, [f"{where}: {name}" for name in names])
    labels = [_labels(found[name], label, f"{where}: {name}") for name in names]
    whole = Split(
        ImageFiles.of(rows, image_size=image_size, channels=channels), torch.from_numpy(np.concatenate(labels))
    )
    index = torch.arange(len(rows))
    train, test = whole.subset(index[: len(labels[0])]), whole.subset(index[len(labels[0]) :])
    classes = getattr(features[label], "names", None) or numbered_classes(labels[0], f"{where}: {label}")
    return Dataset(f"hf:{path}", train, test, tuple(classes))


def _chosen(query: str, path: str) -> dict[str, str]:
    chosen = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := [key for key in chosen if key not in _OPTIONS]:
        known = ", ".join(f"{key} ({what})" for key, what in _OPTIONS.items())
        raise ValueError(f"After the question mark of hf: may be {known}; found {unknown[0]!r} in hf:{path}.")
    return chosen


def _fetched(place: str, name: str | None) -> Mapping[str, Any]:
    """The splits of a set by name."""
    try:
        datasets: Any = importlib.import_module("datasets")
    except ImportError as error:
        raise ValueError(
            f"hf:{place} needs the package datasets, which cannot be imported ({error}); "
            "install it with: pip install 'robustill[hub]'."
        ) from None
    local = at_home(place)
    try:
        found = datasets.load_dataset(str(local) if local.is_dir() else place, name)
    except Exception as error:  # of the library, its file systems and its network
        reason = " ".join(str(error).split()).removesuffix(".") or type(error).__name__
        raise ValueError(
            f"hf:{place} cannot be loaded ({reason[:300]}). Give a folder of parquet files or class folders, or a set "
            "of the hub as OWNER/NAME, with ?name=... for one of its configurations."
        ) from error
    return dict(found)


def _splits(found: Mapping[str, Any], chosen: Mapping[str, str], where: str) -> tuple[str, str]:
    train = chosen.get("train", "train")
    test = chosen.get("test") or next((name for name in _TESTS if name in found), "test")
    if missing := [name for name in (train, test) if name not in found]:
        raise ValueError(
            f"{where} must have a split to train on, train, and one to test on, test or validation; found no "
            f"{missing[0]} among {', '.join(found)}. Name others with ?train=NAME&test=NAME."
        )
    return train, test


def _image_column(features: Mapping[str, Any], chosen: Mapping[str, str], where: str) -> str:
    images = [name for name, kind in features.items() if type(kind).__name__ == "Image" or _holds_bytes(kind)]
    return _only("image", images, features, chosen, where)


def _label_column(features: Mapping[str, Any], chosen: Mapping[str, str], where: str) -> str:
    classes = [name for name, kind in features.items() if hasattr(kind, "names")]
    numbers = [name for name, kind in features.items() if "int" in str(getattr(kind, "dtype", ""))]
    if chosen.get("label") in numbers:  # of several kinds, the one that is asked for
        return chosen["label"]
    return _only("label", classes or numbers, features, chosen, where)


def _holds_bytes(kind: Any) -> bool:
    """A column of image files as other libraries write it."""
    return isinstance(kind, dict) and "bytes" in kind


def _only(what: str, fitting: Sequence[str], features: Mapping[str, Any], chosen: Mapping[str, str], where: str) -> str:
    wanted = chosen.get(what)
    if wanted is not None and wanted in fitting:
        return wanted
    if wanted is None and len(fitting) == 1:
        return fitting[0]
    found = f"{', '.join(fitting) or 'none'} among the columns {', '.join(features)}"
    told = f", not {wanted!r}" if wanted is not None else ""
    raise ValueError(f"{where} must have one column of {what}s{told}; found {found}. Name one with ?{what}=NAME.")


def _labels(table: Any, column: str, where: str) -> np.ndarray:
    labels = table[column][:]
    if any(label is None for label in labels):
        raise ValueError(f"{where} must have a label for every image; found some without. Choose another split.")
    return np.array(labels, np.int64)


class _Rows:
    """The image files in a column of several tables, one after the other, each read when it is asked for."""

    def __init__(self, tables: Sequence[Any], column: str, names: Sequence[str]) -> None:
        self._column, self._names = column, names
        self._tables = [table.select_columns([column]) for table in tables]
        if not _holds_bytes(tables[0].features[column]):
            undecoded = type(tables[0].features[column])(decode=False)
            self._tables = [table.cast_column(column, undecoded) for table in self._tables]

        self._ends = [0, *accumulate(map(len, tables))]

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, position: int) -> File:
        part = sum(position >= end for end in self._ends[1:-1])
        row = position - self._ends[part]
        image = self._tables[part][row][self._column] or {}
        if image.get("bytes") is None and image.get("path"):
            return str(image["path"])
        return Embedded(f"{self._names[part]}[{row}]", image.get("bytes") or b"")  # without either, a broken image
