"""Class folders: the layouts, what is skipped, our own division, and one sentence for each wrong folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustill.data import load


def put(file: Path, level: int = 0, size: tuple[int, int] = (4, 4), mode: str = "L") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (level,) * len(mode)).save(file)


def fill(folder: Path, classes: dict[str, int], level: int = 0) -> Path:
    """Folders of the named classes with so many images, ``0.png`` and on; their grey counts on from ``level``."""
    for name, count in classes.items():
        for i in range(count):
            put(folder / name / f"{i}.png", level)
            level += 1
    return folder


def test_train_and_test_folders(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"dog": 3, "cat": 2})
    fill(tmp_path / "test", {"cat": 1, "dog": 2}, level=100)
    data = load(f"folder:{tmp_path}")
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 1, 1, 1]
    assert data.train.images[:, 0, 0, 0].tolist() == [3, 4, 0, 1, 2]
    assert data.test.images[:, 0, 0, 0].tolist() == [100, 101, 102]
    assert data.test.files == ("test/cat/0.png", "test/dog/0.png", "test/dog/1.png")
    assert (data.name, data.channels, data.image_size) == (f"folder:{tmp_path}", 1, (4, 4))


def test_val_stands_in_for_test(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"a": 2, "b": 2})
    fill(tmp_path / "val", {"a": 1, "b": 1}, level=50)
    assert load(f"folder:{tmp_path}").test.images[:, 0, 0, 0].tolist() == [50, 51]
    fill(tmp_path / "test", {"a": 1, "b": 1}, level=90)
    assert load(f"folder:{tmp_path}").test.images[:, 0, 0, 0].tolist() == [90, 91]


def test_class_folders_alone_are_divided(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 20, "b": 10, "c": 2})
    data = load(f"folder:{tmp_path}")
    assert data.train.labels.bincount().tolist() == [16, 8, 1]
    assert data.test.labels.bincount().tolist() == [4, 2, 1]
    assert data.train.files is not None
    assert data.test.files is not None
    assert set(data.train.files).isdisjoint(data.test.files)
    levels = [*data.train.images[:, 0, 0, 0].tolist(), *data.test.images[:, 0, 0, 0].tolist()]
    assert sorted(levels) == list(range(32))
    assert list(data.train.files) == sorted(data.train.files)


def test_the_division_never_changes(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 10, "b": 10})
    assert load(f"folder:{tmp_path}").test.files == ("a/2.png", "a/3.png", "b/1.png", "b/2.png")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    fill(tmp_path, {"bus": 5, "train": 5})
    assert load(f"folder:{tmp_path}").classes == ("bus", "train")


def test_what_is_no_image_is_skipped(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 5, "b": 5})
    for name in ("a/Thumbs.db", "a/notes.txt", "a/._0.png", "a/.hidden.png", "README.md", "a/labels.csv"):
        (tmp_path / name).write_text("no image")
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "folder.png").mkdir()
    data = load(f"folder:{tmp_path}")
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.test) == 10


def test_endings_may_be_capitals(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 2, "b": 2})
    put(tmp_path / "a" / "PHOTO.JPG")
    data = load(f"folder:{tmp_path}")
    assert len(data.train) + len(data.test) == 5


def test_one_colour_image_makes_the_set_colour(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"a": 2, "b": 2})
    fill(tmp_path / "test", {"a": 1, "b": 1})
    assert load(f"folder:{tmp_path}").channels == 1
    put(tmp_path / "test" / "b" / "9.png", 7, mode="RGB")
    data = load(f"folder:{tmp_path}")
    assert data.channels == 3
    assert (data.train.images[:, 0] == data.train.images[:, 2]).all()
    assert load(f"folder:{tmp_path}", channels=1).channels == 1


def test_mixed_sizes_are_resized(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 4, "b": 4})
    put(tmp_path / "a" / "wide.png", size=(9, 5))
    assert load(f"folder:{tmp_path}", image_size=6).train.images.shape[1:] == (1, 6, 6)


def test_mixed_sizes_without_image_size_are_named(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 4, "b": 4})
    put(tmp_path / "b" / "wide.png", size=(9, 5))
    with pytest.raises(ValueError, match=r"a/\d.png with 4x4 and .*b/wide.png with 9x5"):
        load(f"folder:{tmp_path}")


def test_a_mixed_bag_as_users_have_it(tmp_path: Path) -> None:
    """JPEG and PNG of several sizes, grey, transparent and turned, in one folder."""
    fill(tmp_path, {"a": 3, "b": 3})
    put(tmp_path / "a" / "alpha.png", 10, size=(7, 5), mode="RGBA")
    put(tmp_path / "b" / "palette.gif", 10, size=(12, 12), mode="RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.zeros((20, 40, 3), np.uint8)
    Image.fromarray(turned).save(tmp_path / "b" / "turned.jpg", exif=exif)
    data = load(f"folder:{tmp_path}", image_size=8)
    assert len(data.train) + len(data.test) == 9
    assert data.train.images.shape[1:] == (3, 8, 8)


def test_the_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    fill(tmp_path / "photos", {"a": 2, "b": 2})
    assert load("folder:~/photos").classes == ("a", "b")


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 4, "b": 4})
    (tmp_path / "b" / "2.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"b/2\.png cannot be read as an image"):
        load(f"folder:{tmp_path}")


def test_a_missing_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*nowhere: give one that holds class folders"):
        load(f"folder:{tmp_path / 'nowhere'}")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"folder: needs a folder .*; .*a\.png is a file"):
        load(f"folder:{tmp_path / 'a.png'}")


@pytest.mark.parametrize("images", [0, 3])
def test_a_folder_needs_class_folders(tmp_path: Path, images: int) -> None:
    for i in range(images):
        put(tmp_path / f"{i}.png")
    with pytest.raises(ValueError, match=r"must hold a folder of images for each class .*; found no folders in it"):
        load(f"folder:{tmp_path}")


def test_an_empty_test_folder_of_a_set_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"a": 2, "b": 2})
    (tmp_path / "test").mkdir()
    with pytest.raises(ValueError, match=r"in train and in test \(or val\); found them in train alone"):
        load(f"folder:{tmp_path}")


@pytest.mark.parametrize("part", ["test", "val"])
def test_a_set_needs_a_training_part(tmp_path: Path, part: str) -> None:
    fill(tmp_path / part, {"a": 2, "b": 2})
    with pytest.raises(ValueError, match=f"found them in {part} alone"):
        load(f"folder:{tmp_path}")


def test_test_and_val_make_no_set_either(tmp_path: Path) -> None:
    fill(tmp_path / "test", {"a": 2, "b": 2})
    fill(tmp_path / "val", {"a": 2, "b": 2})
    with pytest.raises(ValueError, match="found them in test and val alone"):
        load(f"folder:{tmp_path}")


def test_a_class_folder_needs_images(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 2, "b": 2})
    fill(tmp_path / "c", {"images": 2})
    with pytest.raises(ValueError, match=r"c must hold images, .* found none \(folders in it are not searched\)"):
        load(f"folder:{tmp_path}")


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    fill(tmp_path, {"cat": 5})
    with pytest.raises(ValueError, match="at least two classes; found `cat`"):
        load(f"folder:{tmp_path}")


def test_one_image_cannot_be_divided(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 3, "b": 1})
    with pytest.raises(ValueError, match=r"b/0\.png is alone in its class folder: it takes two images or more"):
        load(f"folder:{tmp_path}")


def test_train_and_test_must_have_the_same_classes(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"a": 2, "b": 2, "c": 2})
    fill(tmp_path / "test", {"a": 1, "b": 1, "d": 1})
    with pytest.raises(
        ValueError, match=r"train and test must hold .* same classes; found only in train: c; only in test: d"
    ):
        load(f"folder:{tmp_path}")
