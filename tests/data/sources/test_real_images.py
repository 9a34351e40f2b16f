"""Real images, where this machine has them: the published statistics, and the same pixels through every door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from robustill.data import Dataset, Split, load
from robustill.data.named import folders


def real(name: str) -> Dataset:
    """A named set, its images not read yet; the test is skipped where it is nowhere."""
    try:
        return load(name, stream=True)
    except FileNotFoundError as error:
        pytest.skip(str(error))


def folder_of(name: str) -> Path:
    """An image folder in a folder of sets."""
    for place in folders():
        if (place / name / "train").is_dir():
            return place / name
    pytest.skip(f"needs an image folder {name} in one of {', '.join(map(str, folders()))}")


def statistics(split: Split) -> list[float]:
    """Mean and deviation of each channel over a sample of 2,000 images."""
    pixels = split.stratified(2000, seed=0).images.double() / 255
    return [*pixels.mean((0, 2, 3)).tolist(), *pixels.std((0, 2, 3)).tolist()]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar10", [0.4914, 0.4822, 0.4465, 0.2470, 0.2435, 0.2616]),
        ("cifar100", [0.5071, 0.4865, 0.4409, 0.2673, 0.2564, 0.2762]),
        ("svhn", [0.4377, 0.4438, 0.4728, 0.1980, 0.2010, 0.1970]),
        ("fashion-mnist", [0.2860, 0.3530]),
        ("mnist", [0.1307, 0.3081]),
    ],
)
def test_the_published_statistics(name: str, expected: list[float]) -> None:
    assert statistics(real(name).train) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion-mnist"])
def test_classes_are_balanced(name: str) -> None:
    data = real(name)
    for split, count in ((data.train, len(data.train)), (data.test, len(data.test))):
        assert split.labels.bincount().tolist() == [count // data.num_classes] * data.num_classes


def test_the_part_in_the_package_is_of_the_set() -> None:
    whole = {image.numpy().tobytes(): label for image, label in pairs(real("fashion-mnist").train)}
    demo = load("demo")
    assert demo.classes == real("fashion-mnist").classes
    assert all(whole[image.numpy().tobytes()] == label for image, label in pairs(demo.train))


def pairs(split: Split) -> list[tuple[torch.Tensor, int]]:
    return list(zip(split.images, split.labels.tolist(), strict=True))


def test_a_named_set_is_the_image_folder() -> None:
    named, folder = (
        load(f"cifar10:{folder_of('cifar10')}", stream=True),
        load(f"folder:{folder_of('cifar10')}", stream=True),
    )
    assert named.classes == folder.classes
    index = torch.arange(0, 50_000, 997)
    assert torch.equal(named.train.subset(index).images, folder.train.subset(index).images)
    assert torch.equal(named.train.labels, folder.train.labels)


@pytest.mark.parametrize("name", ["cifar10", "cifar100-mini"])
def test_parquet_gives_the_pixels_of_the_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(name)
    datasets: Any = pytest.importorskip("datasets", reason="needs the library datasets (extra [hub])")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    data = load(f"folder:{folder}", stream=True)
    (tmp_path / "set").mkdir()
    samples = {part: split.stratified(200, seed=0) for part, split in (("train", data.train), ("test", data.test))}
    for part in samples:
        files = [(folder / file).read_bytes() for file in samples[part].files or ()]
        content = {"img": [{"bytes": file, "path": None} for file in files], "label": samples[part].labels.tolist()}
        kinds = {"img": datasets.Image(), "label": datasets.ClassLabel(names=list(data.classes))}
        table = datasets.Dataset.from_dict(content, features=datasets.Features(kinds))
        table.to_parquet(tmp_path / "set" / f"{part}.parquet")
    found = load(f"hf:{tmp_path / 'set'}")
    assert found.classes == data.classes
    for split, part in ((found.train, "train"), (found.test, "test")):
        assert torch.equal(split.images, samples[part].images) and torch.equal(split.labels, samples[part].labels)
