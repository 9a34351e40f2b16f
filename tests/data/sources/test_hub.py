"""Sets by the library ``datasets``, from local files alone: parquet and class folders, a sentence for the rest."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robustill.data import Batches, CropFlip, load
from tests.data import layouts
from tests.data.layouts import SEEN, same

datasets: Any = pytest.importorskip("datasets", reason="needs the library datasets (extra [hub])")
hub: Any = pytest.importorskip("huggingface_hub")

CLASSES = ["ant", "bee", "cat"]


@pytest.fixture(autouse=True)
def _own_cache_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (datasets.config, hub.constants):
        monkeypatch.setattr(place, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> None:
    datasets.disable_progress_bars()


def png(image: layouts.Bytes, file: Path) -> bytes:
    layouts.save(file, image)
    return file.read_bytes()


def table(part: str, folder: Path, *, channels: int = 3, **columns: Any) -> Any:
    """Images as bytes and class labels, as the hub keeps them; ``columns`` come besides, or replace both."""
    images = [
        {"bytes": png(image, folder / "image.png"), "path": None} for image in layouts.images(part, channels=channels)
    ]
    content = {"img": images, "label": layouts.labels(part, 3).tolist(), **columns}
    features = {"img": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)}
    for name, values in columns.items():
        features[name] = datasets.Value("string" if isinstance(values[0], str) else "int64")
    return datasets.Dataset.from_dict(content, features=datasets.Features(features))


def parquet(folder: Path, *, test: str = "test", **columns: Any) -> str:
    """A folder of two parquet files; further columns are given by part."""
    folder.mkdir()
    for part, name in (("train", "train"), ("test", test)):
        given = {key: values[part] for key, values in columns.items()}
        table(part, folder.parent, **given).to_parquet(folder / f"{name}-00000-of-00001.parquet")
    return f"hf:{folder}"


@pytest.mark.parametrize("test", ["test", "validation"])
def test_parquet_files(test: str, tmp_path: Path) -> None:
    data = load(parquet(tmp_path / "set", test=test))
    assert data.name == f"hf:{tmp_path / 'set'}" and data.classes == tuple(CLASSES)
    assert same(data.train, "train", classes=3) and same(data.test, "test", classes=3)
    assert load(f"hf:{tmp_path / 'set'}", image_size=16, channels=1).train.shape == (1, 16, 16)


def test_class_folders_are_those_of_the_folder_source(tmp_path: Path) -> None:
    layouts.image_folder(tmp_path / "set", CLASSES)
    ours, folder = load(f"hf:{tmp_path / 'set'}"), load(f"folder:{tmp_path / 'set'}")
    assert ours.classes == folder.classes
    assert torch.equal(ours.train.images, folder.train.images) and torch.equal(ours.test.labels, folder.test.labels)


def test_parquet_of_other_libraries(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    (tmp_path / "set").mkdir()
    for part in SEEN:
        images = [{"bytes": png(image, tmp_path / "a.png"), "path": "a.png"} for image in layouts.images(part)]
        frame = pandas.DataFrame({"picture": images, "kind": layouts.labels(part, 3), "name": ["x"] * len(images)})
        frame.to_parquet(tmp_path / "set" / f"{part}.parquet")
    data = load(f"hf:{tmp_path / 'set'}")
    assert data.classes == ("0", "1", "2") and same(data.train, "train", classes=3)


def test_images_stream_as_they_are_read(tmp_path: Path) -> None:
    spec = parquet(tmp_path / "set")
    kept, streamed = (
        Batches(load(spec, stream=stream).train, batch_size=6, seed=0, augmentation=CropFlip(padding=2))
        for stream in (False, True)
    )
    for (x, y), (x_other, y_other) in zip(kept.epoch(1), streamed.epoch(1), strict=True):
        assert torch.equal(x, x_other) and torch.equal(y, y_other)


def test_grey_images_and_colour_in_one_set(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for part, channels in (("train", 1), ("test", 3)):
        table(part, tmp_path, channels=channels).to_parquet(tmp_path / "set" / f"{part}.parquet")
    data = load(f"hf:{tmp_path / 'set'}")
    assert data.channels == 3 and torch.equal(data.train.images[:, 0], data.train.images[:, 1])


COARSE = {part: (layouts.labels(part, 3) // 2).tolist() for part in SEEN}


def test_of_two_columns_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for part in SEEN:
        both = table(part, tmp_path, coarse=COARSE[part])
        both.cast_column("coarse", datasets.ClassLabel(names=["x", "y"])).to_parquet(
            tmp_path / "set" / f"{part}.parquet"
        )
    spec = f"hf:{tmp_path / 'set'}"
    with pytest.raises(
        ValueError, match=r"must have one column of labels; found label, coarse among the columns img, "
    ):
        load(spec)
    assert load(f"{spec}?label=coarse").classes == ("x", "y")
    assert load(f"{spec}?label=label&image=img").name == f"{spec}?label=label&image=img"


def test_a_column_of_numbers_may_be_meant(tmp_path: Path) -> None:
    spec = parquet(tmp_path / "set", coarse=COARSE)
    assert load(spec).classes == tuple(CLASSES)  # class labels come before numbers
    assert load(f"{spec}?label=coarse").classes == ("0", "1")


def test_splits_may_be_named(tmp_path: Path) -> None:
    spec = parquet(tmp_path / "set")
    data = load(f"{spec}?train=test&test=train")
    assert (len(data.train), len(data.test)) == (SEEN["test"], SEEN["train"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?label=lable", "must have one column of labels, not 'lable'; found label among the columns img, label"),
        ("?image=label", "must have one column of images, not 'label'; found img among the columns img, label"),
        ("?test=dev", "found no dev among train, test. Name others with .train=NAME&test=NAME"),
        ("?size=3", "After the question mark of hf: may be name .the configuration., .*; found 'size' in hf:"),
        (
            "?name=plain",
            "cannot be loaded .*plain.*Give a folder of parquet files or class folders, or a set of the hub",
        ),
    ],
)
def test_other_choices_are_refused(query: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        load(parquet(tmp_path / "set") + query)


def test_a_set_needs_a_test_split(tmp_path: Path) -> None:
    parquet(tmp_path / "set")
    (tmp_path / "set" / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(ValueError, match=r"one to test on, test or validation; found no test among train. Name others"):
        load(f"hf:{tmp_path / 'set'}")


def test_every_image_needs_a_label(tmp_path: Path) -> None:
    spec = parquet(tmp_path / "set", kind={"train": [None] * 20, "test": [1] * 10})
    with pytest.raises(ValueError, match="train must have a label for every image; found some without"):
        load(f"{spec}?label=kind")


def test_a_broken_image_is_named_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for part in SEEN:
        rows = table(part, tmp_path).cast_column("img", datasets.Image(decode=False)).to_list()
        if part == "train":
            rows[7]["img"]["bytes"] = b"broken"
            rows[8]["img"] = None
        features = table(part, tmp_path).features
        datasets.Dataset.from_list(rows, features=features).to_parquet(tmp_path / "set" / f"{part}.parquet")
    with pytest.raises(ValueError, match=r"set: train\[7\] cannot be read as an image"):
        load(f"hf:{tmp_path / 'set'}")


@pytest.mark.parametrize(
    ("place", "reason"), [("owner/nothing", "Offline"), ("nowhere", "nowhere"), ("empty", "any data files")]
)
def test_what_cannot_be_had_is_said(place: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=f"hf:{place} cannot be loaded .*{reason}.*or a set of the hub as OWNER/NAME"):
        load(f"hf:{place}")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"hf:a/b needs the package datasets, .* pip install 'robustill\[hub\]'"):
        load("hf:a/b")


def test_the_images_of_a_split_are_numbered_from_its_own_first(tmp_path: Path) -> None:
    spec = parquet(tmp_path / "set")
    stored = load(spec, stream=True).test.pixels
    assert np.array_equal(stored.original(0), layouts.images("test")[0])  # type: ignore[union-attr]
