"""Archives: every order of the axes that is clear, and one sentence for every one that cannot be used."""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from robustill.data import Dataset, load

Arrays = dict[str, NDArray[Any]]


def arrays(**changes: NDArray[Any] | None) -> Arrays:
    """Twelve training and four test images of three classes, RGB of 5x6; ``changes`` replace arrays, None drops."""
    random = np.random.default_rng(0)
    good: dict[str, NDArray[Any] | None] = {
        "x_train": random.integers(0, 256, (12, 5, 6, 3), dtype=np.uint8),
        "y_train": np.arange(12) % 3,
        "x_test": random.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8),
        "y_test": np.arange(4) % 3,
    }
    return {name: array for name, array in (good | changes).items() if array is not None}


def saved(folder: Path, content: Arrays) -> Dataset:
    np.savez(folder / "a.npz", allow_pickle=True, **content)
    return load(f"npz:{folder / 'a.npz'}")


def test_images_of_the_last_axis_are_put_first(tmp_path: Path) -> None:
    content = arrays()
    data = saved(tmp_path, content)
    assert data.train.images.shape == (12, 3, 5, 6)
    assert np.array_equal(data.test.images.numpy(), content["x_test"].transpose(0, 3, 1, 2))
    assert data.train.labels.tolist() == [0, 1, 2] * 4
    assert data.train.files is None
    assert data.classes == ("0", "1", "2")
    assert data.name == f"npz:{tmp_path / 'a.npz'}"


def test_images_with_channels_first_stay(tmp_path: Path) -> None:
    first = {name: arrays()[name].transpose(0, 3, 1, 2) for name in ("x_train", "x_test")}
    data = saved(tmp_path, arrays(**first))
    assert np.array_equal(data.train.images.numpy(), first["x_train"])


def test_images_without_channels_are_grey(tmp_path: Path) -> None:
    grey = {name: arrays()[name][..., 0] for name in ("x_train", "x_test")}
    data = saved(tmp_path, arrays(**grey))
    assert np.array_equal(data.train.images[:, 0].numpy(), grey["x_train"])


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_labels_may_be_any_whole_numbers_and_a_column(tmp_path: Path, dtype: type[np.integer[Any]]) -> None:
    data = saved(tmp_path, arrays(y_train=(np.arange(12) % 3).astype(dtype)[:, None]))
    assert data.train.labels.dtype == torch.int64
    assert data.train.labels.tolist() == [0, 1, 2] * 4


def test_classes_have_names(tmp_path: Path) -> None:
    assert saved(tmp_path, arrays(classes=np.array(["ant", "bee", "fly"]))).classes == ("ant", "bee", "fly")


def test_images_are_resized(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", **arrays())  # type: ignore[arg-type]
    data = load(f"npz:{tmp_path / 'a.npz'}", image_size=4, channels=1)
    assert data.train.images.shape == (12, 1, 4, 4)


def test_the_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    saved(tmp_path, arrays())
    assert load("npz:~/a.npz").num_classes == 3


BAD: list[tuple[str, Arrays, str]] = [
    ("no test", arrays(x_test=None, y_test=None), "x_test, y_test missing, found x_train, y_train"),
    ("floats", arrays(x_test=np.zeros((4, 5, 6, 3), np.float32)), "x_test must be bytes .* found float32. Convert"),
    (
        "2 axes",
        arrays(x_train=np.zeros((12, 5), np.uint8)),
        r"x_train must have the axes NHW.* found the shape \(12, 5\)\.",
    ),
    ("4 channels", arrays(x_train=np.zeros((12, 5, 6, 4), np.uint8)), r"1 or 3 channels .* \(12, 5, 6, 4\)\."),
    (
        "unclear",
        arrays(x_train=np.zeros((12, 3, 6, 3), np.uint8)),
        r"found the shape \(12, 3, 6, 3\), which may be either",
    ),
    ("lengths", arrays(y_train=np.arange(11) % 3), "found 12 images in x_train and 11 labels in y_train"),
    (
        "float labels",
        arrays(y_test=np.zeros(4)),
        r"y_test must be one whole number .* found float64 of the shape \(4,\)",
    ),
    ("one-hot labels", arrays(y_test=np.eye(4, dtype=np.int64)), r"found int64 of the shape \(4, 4\)"),
    (
        "from one",
        arrays(y_train=np.arange(12) % 3 + 1),
        "y_train must use every label .* found 3 different .* from 1 to 3",
    ),
    ("a gap", arrays(y_train=np.arange(12) % 3 * 10**9), "found 3 different labels from 0 to 2000000000"),
    ("negative", arrays(y_train=np.arange(12) % 3 - 1), "found 3 different labels from -1 to 1"),
    (
        "new in test",
        arrays(y_test=np.array([0, 1, 2, 3])),
        "the test labels must be 0 to 2, .* 3 classes; found 0 to 3",
    ),
    ("few names", arrays(classes=np.array(["a", "b"])), "the training labels must be 0 to 1, .* found 0 to 2"),
    ("many names", arrays(classes=np.array(list("abcd"))), "every class needs a training image; found none for `d`"),
    (
        "one class",
        arrays(y_train=np.zeros(12, np.int64), y_test=np.zeros(4, np.int64)),
        "at least two classes; found `0`",
    ),
    (
        "no images",
        arrays(x_test=np.zeros((0, 5, 6, 3), np.uint8), y_test=np.zeros(0, np.int64)),
        "test split must have images",
    ),
    ("other sizes", arrays(x_test=np.zeros((4, 8, 8, 3), np.uint8)), "must have one shape; found 3x5x6 .* and 3x8x8"),
    (
        "objects",
        arrays(classes=np.array(["a", "b", None], dtype=object)),
        "classes must be .* found Python objects, .* not unpickled",
    ),
]


@pytest.mark.parametrize(("content", "message"), [pytest.param(*rest, id=name) for name, *rest in BAD])
def test_what_cannot_be_used_is_explained(tmp_path: Path, content: Arrays, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        saved(tmp_path, content)
    assert re.search(r"a\.npz", str(caught.value))


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.npz"):
        load(f"npz:{tmp_path / 'none.npz'}")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load(f"npz:{tmp_path}")


def test_another_array_file_is_no_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"a\.npy is not an \.npz archive"):
        load(f"npz:{tmp_path / 'a.npy'}")


@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", pickle.dumps({"x_train": 0}), b"PK\x03\x04 and more"]
)
def test_any_other_file_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz is not an \.npz archive, or not a whole one"):
        load(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_archive_is_not_whole(tmp_path: Path, share: float) -> None:
    saved(tmp_path, arrays())
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"a\.npz is not an \.npz archive, or not a whole one"):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_any_other_zip_lacks_the_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ValueError, match=r"x_train, y_train, x_test, y_test missing, found hello\.txt"):
        load(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00v\x00{"])
def test_a_member_that_is_no_array_is_named(tmp_path: Path, content: bytes) -> None:
    saved(tmp_path, arrays())
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, member in (members | {"x_test.npy": content}).items():
            archive.writestr(name, member)
    with pytest.raises(ValueError, match="x_test"):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    saved(tmp_path, arrays())
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[400] ^= 0xFF
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz: x_train cannot be read \(.*\); the archive is damaged"):
        load(f"npz:{tmp_path / 'a.npz'}")
