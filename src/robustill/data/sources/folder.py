"""Class folders: ``PATH/train/CLASS/IMAGE`` and ``PATH/test/CLASS/IMAGE``, or ``PATH/CLASS/IMAGE``, divided here."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

import torch

from robustill.data.dataset import Dataset
from robustill.data.image_files import ImageFiles
from robustill.data.images import suffixes
from robustill.data.split import Split
from robustill.files import at_home

SPEC = "folder:PATH"
SUMMARY = "class folders of images of any format: PATH/{train,test}/CLASS/IMAGE, or PATH/CLASS/IMAGE split 80:20"

_TEST_SHARE = 0.2

Listing = dict[str, list[str]]
"""The image files of each class, as paths below the folder; both in sorted order."""


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load every image below ``path``, in sorted order; the sorted names of the class folders give the labels.

    ``val`` stands in for ``test`` where there is no such folder. Hidden files, and files whose ending is no image's,
    are skipped. Without ``channels`` the images are grey if all of them are, else RGB; transparent pixels show white;
    the orientation that a camera noted is followed. ``image_size`` cuts the largest middle square and resizes it.

    Raises FileNotFoundError if there is no such folder, and ValueError for folders that are laid out in another way,
    hold no images, have other classes for test than for training, hold a broken image or, without ``image_size``,
    images of two sizes.
    """
    root = at_home(path)
    if not root.exists():
        raise FileNotFoundError(f"There is no folder {root}: give one that holds class folders, or train and test.")
    if not root.is_dir():
        raise ValueError(f"folder: needs a folder of class folders; {root} is a file.")
    train, test = listings(root)
    files = [file for listing in (train, test) for images in listing.values() for file in images]
    images = ImageFiles.of([os.path.join(root, file) for file in files], image_size=image_size, channels=channels)
    labels = torch.tensor([i for listing in (train, test) for i, name in enumerate(listing) for _ in listing[name]])
    whole, count = Split(images, labels, tuple(files)), sum(map(len, train.values()))
    index = torch.arange(len(files))
    return Dataset(f"folder:{path}", whole.subset(index[:count]), whole.subset(index[count:]), tuple(train))


def listings(root: Path) -> tuple[Listing, Listing]:
    """The image files to train on and those to test on. Raises ValueError as ``load``, reading no image."""
    # A class may be called "train", as in cars, buses and trains: a part of the set holds folders, a class holds images
    parts = [name for name in ("train", "test", "val") if (root / name).is_dir() and _folders(root / name)]
    if not parts:
        return _divide(_listing(root, ""))
    if "train" not in parts or len(parts) == 1:
        raise ValueError(
            f"{root} must hold class folders in train and in test (or val); found them in {' and '.join(parts)} alone."
        )
    train, test = _listing(root, "train"), _listing(root, parts[1])
    if train.keys() != test.keys():
        only = "; ".join(
            f"only in {part}: {', '.join(sorted(names)[:5])}"
            for part, names in (("train", train.keys() - test.keys()), (parts[1], test.keys() - train.keys()))
            if names
        )
        raise ValueError(f"{root}: train and {parts[1]} must hold folders for the same classes; found {only}.")
    return train, test


def _listing(root: Path, part: str) -> Listing:
    folder = root / part
    names = _folders(folder)
    if not names:
        raise ValueError(
            f"{folder} must hold a folder of images for each class (CLASS/IMAGE, or train/CLASS/IMAGE beside "
            "test/CLASS/IMAGE); found no folders in it."
        )
    listing = {name: [os.path.join(part, name, image) for image in _images(folder / name)] for name in names}
    if empty := [name for name, images in listing.items() if not images]:
        raise ValueError(
            f"{folder / empty[0]} must hold images, as every class folder; found none (folders in it are not searched)."
        )
    return listing


def _divide(listing: Listing) -> tuple[Listing, Listing]:
    """Our own split: of every class a fifth for the test, rounded, at least one.

    By a hash of the names, so that it is the same on every machine and for every run, whatever its seed.
    """
    train, test = {}, {}
    for name, files in listing.items():
        if len(files) == 1:
            raise ValueError(
                f"{files[0]} is alone in its class folder: it takes two images or more to divide a class into training "
                "and test."
            )
        drawn = sorted(files, key=lambda file: blake2b(Path(file).as_posix().encode(errors="surrogateescape")).digest())
        count = max(1, round(_TEST_SHARE * len(files)))
        test[name], train[name] = sorted(drawn[:count]), sorted(drawn[count:])
    return train, test


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _images(folder: Path) -> list[str]:
    known = suffixes()
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if os.path.splitext(entry.name)[1].lower() in known and not entry.name.startswith(".") and entry.is_file()
        )
