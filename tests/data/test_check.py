"""Checking a dataset: what it is made of, and everything that is wrong with it, by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from robustill.data import DataCheck, Dataset, Split, check, load
from tests.data.layouts import save


def image(level: int, channels: int = 3, height: int = 4, width: int = 6) -> np.ndarray:
    return np.full((channels, height, width), level, np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes, each image of a level of its own."""
    for i, place in enumerate(f"{part}/{name}" for part in ("train", "test") for name in ("ant", "bee")):
        for j in range(4):
            save(tmp_path / place / f"{j}.png", image(10 * i + j))
    return tmp_path


def checked(folder: Path) -> DataCheck:
    return check(load(f"folder:{folder}", stream=True))


def test_a_sound_set(photos: Path) -> None:
    steps: list[int] = []
    found = check(load(f"folder:{photos}", stream=True), advance=steps.append)
    assert sum(steps) == 16
    assert (found.data, found.wrong, found.notes, found.across) == (f"folder:{photos}", [], [], [])
    assert found.train.images == 8 and found.train.classes == {"ant": 4, "bee": 4}
    assert found.train.sizes == {"6x4": 8} and found.train.channels == {3: 8}
    assert (found.train.low, found.train.high, found.test.low, found.test.high) == (0, 13, 20, 33)
    assert not (found.train.broken or found.train.duplicates or found.train.conflicts)


def test_every_broken_file_is_named_and_the_rest_is_looked_at(photos: Path) -> None:
    for name in ("train/ant/0.png", "train/bee/3.png", "test/ant/1.png"):
        (photos / name).write_bytes(b"broken")
    found = checked(photos)
    assert [text.split(" ")[0] for text in (*found.train.broken, *found.test.broken)] == [
        str(photos / name) for name in ("train/ant/0.png", "train/bee/3.png", "test/ant/1.png")
    ]
    assert found.wrong == [
        "2 training images cannot be read: repair or remove them.",
        "1 test images cannot be read: repair or remove them.",
    ]
    assert found.train.sizes == {"6x4": 6}


def test_a_set_of_broken_files_is_no_set(photos: Path) -> None:
    for file in photos.rglob("*.png"):
        file.write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"train/ant/0\.png cannot be read as an image"):
        checked(photos)


def test_images_in_both_splits_are_named(photos: Path) -> None:
    save(photos / "test/bee/same.png", image(2))
    found = checked(photos)
    assert found.across == [["train/ant/2.png", "test/bee/same.png"]]
    assert found.wrong == [
        "1 images occur in training and test (2 copies): remove one of each, or the test measures memory."
    ]


def test_the_format_of_a_copy_does_not_hide_it(photos: Path) -> None:
    save(photos / "test/bee/same.webp.png", image(2))
    (photos / "test/bee/same.bmp").write_bytes(b"")
    save(photos / "test/bee/same.bmp", image(3))
    assert len(checked(photos).across) == 2


def test_copies_within_a_split_are_worth_a_note(photos: Path) -> None:
    save(photos / "train/ant/copy.png", image(0))
    save(photos / "train/bee/copy.png", image(0))
    found = checked(photos)
    group = ["train/ant/0.png", "train/ant/copy.png", "train/bee/copy.png"]
    assert found.train.duplicates == found.train.conflicts == [group] and found.wrong == []
    assert found.notes == ["2 training images are copies of others, 1 of them under another label."]


def test_the_same_bytes_in_another_shape_are_another_image(photos: Path) -> None:
    save(photos / "train/ant/flat.png", image(1, height=2, width=12))
    found = checked(photos)
    assert found.train.duplicates == [] and found.train.sizes == {"6x4": 8, "12x2": 1}


def test_mixed_sizes_and_colours_are_worth_a_note(photos: Path) -> None:
    save(photos / "train/ant/9.png", image(99, channels=1, height=9))
    found = checked(photos)
    assert found.train.channels == {3: 8, 1: 1} and found.wrong == []
    assert found.notes == [
        "Images have 2 sizes: training needs --image_size.",
        "Some images are grey and some in colour: all are read as colour, unless --channels 1.",
    ]


def arrays(train: list[int], test: list[int], *, top: int = 256) -> Dataset:
    """Noise with these labels, of three classes."""
    parts = [
        Split(
            torch.randint(
                0, top, (len(y), 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(len(y))
            ),
            torch.tensor(y),
        )
        for y in (train, test)
    ]
    return Dataset("toy", parts[0], parts[1], ("a", "b", "c"))


def test_a_class_without_test_images_is_wrong() -> None:
    found = check(arrays([0, 1, 2, 0], [0, 0, 2]))
    assert found.wrong == ["1 classes have no test image: b."]
    assert found.test.classes == {"a": 2, "b": 0, "c": 1}


def test_images_without_files_are_named_by_their_place() -> None:
    data = arrays([0, 1, 2, 0], [0, 1, 2])
    data.test.images[2] = data.train.images[1]
    assert check(data).across == [["train[1]", "test[2]"]]


def test_pixels_of_zero_and_one_are_worth_a_note() -> None:
    assert check(arrays([0, 1, 2], [0, 1, 2, 0], top=2)).notes == [
        "No training pixel is above 1 of 255: were pixels of [0, 1] saved as bytes?",
        "No test pixel is above 1 of 255: were pixels of [0, 1] saved as bytes?",
    ]


def test_all_of_it_is_json(photos: Path) -> None:
    save(photos / "test/bee/same.png", image(2))
    text = json.loads(json.dumps(checked(photos).as_json()))
    assert text["train"]["sizes"] == {"6x4": 8} and text["across"] == [["train/ant/2.png", "test/bee/same.png"]]
    assert len(text["wrong"]) == 1 and text["notes"] == []
