"""Named sets: found in every layout and every place, whole or refused, in the order of the published labels."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustill.data import load
from robustill.data.named import NamedSet
from robustill.data.sources import cifar10, cifar100, fashion_mnist, find_sources, mnist, svhn, tiny_imagenet
from tests.data import layouts
from tests.data.layouts import SEEN, same

SETS = {module.SET.name: module for module in (cifar10, cifar100, fashion_mnist, mnist, svhn, tiny_imagenet)}
BATCHES = [f"data_batch_{i}" for i in range(1, 6)]
TEN = cifar10.SET.classes
WNIDS = ("n02", "n01", "n04", "n03")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sets have as many images as their small copies, and nothing lies anywhere but there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ROBUSTILL_DATA", raising=False)
    for module in SETS.values():
        small: NamedSet = replace(module.SET, counts=(SEEN["train"], SEEN["test"]))
        if module is cifar100 or module is tiny_imagenet:
            small = replace(small, num_classes=len(WNIDS), classes=() if module is tiny_imagenet else TEN[:4])
        if module is fashion_mnist:
            small = replace(small, layouts=small.layouts[:2])  # without Debian's, which may be on this machine
        monkeypatch.setattr(module, "SET", small)


LAYOUTS: dict[str, tuple[str, str, Callable[[Path], Path]]] = {
    "cifar10-py": (
        "cifar10",
        "cifar-10-batches-py",
        lambda f: layouts.pickled_cifar(f, files={"train": BATCHES, "test": ["test_batch"]}, key=b"labels"),
    ),
    "cifar10-bin": (
        "cifar10",
        "cifar-10-batches-bin",
        lambda f: layouts.binary_cifar(
            f, files={"train": [f"{name}.bin" for name in BATCHES], "test": ["test_batch.bin"]}
        ),
    ),
    "cifar10-folder": ("cifar10", "cifar10", lambda f: layouts.image_folder(f, TEN)),
    "cifar10-numbers": ("cifar10", "cifar10", lambda f: layouts.image_folder(f, "0123456789")),
    "cifar100-py": (
        "cifar100",
        "cifar-100-python",
        lambda f: layouts.pickled_cifar(f, files={"train": ["train"], "test": ["test"]}, key=b"fine_labels", classes=4),
    ),
    "cifar100-bin": (
        "cifar100",
        "cifar-100-binary",
        lambda f: layouts.binary_cifar(f, files={"train": ["train.bin"], "test": ["test.bin"]}, coarse=True, classes=4),
    ),
    "cifar100-folder": ("cifar100", "cifar100", lambda f: layouts.image_folder(f, TEN[:4])),
    "fashion-gz": ("fashion-mnist", "fashion-mnist", layouts.idx_files),
    "fashion-raw": ("fashion-mnist", "FashionMNIST/raw", lambda f: layouts.idx_files(f, zipped=False)),
    "mnist-raw": ("mnist", "MNIST/raw", lambda f: layouts.idx_files(f, zipped=False)),
    "mnist-dot": ("mnist", "mnist", lambda f: layouts.idx_files(f, zipped=False, dot=True)),
    "svhn": ("svhn", "svhn", layouts.svhn_files),
    "svhn-root": ("svhn", ".", layouts.svhn_files),
    "tiny": ("tiny-imagenet", "tiny-imagenet-200", lambda f: layouts.tiny_files(f, sorted(WNIDS))),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_images(layout: str, tmp_path: Path) -> None:
    name, folder, write = LAYOUTS[layout]
    write(tmp_path / "data" / folder)
    found, module = load(name), SETS[name].SET
    channels, side, _ = module.shape
    assert (found.name, found.channels, found.image_size) == (name, channels, (side, side))
    assert found.classes == (module.classes or tuple(sorted(WNIDS)))
    if layout != "tiny":  # one of its images is grey
        assert same(found.train, "train", channels=channels, side=side, classes=module.num_classes)
    assert same(found.test, "test", channels=channels, side=side, classes=module.num_classes)
    assert load(name, image_size=16, channels=1).train.shape == (1, 16, 16)


def test_grey_images_of_a_colour_set_become_colour(tmp_path: Path) -> None:
    layouts.tiny_files(tmp_path / "tiny-imagenet-200", sorted(WNIDS))
    grey = layouts.images("train", side=64)[3, 0]
    found = load(f"tiny-imagenet:{tmp_path}").train.images.numpy()
    assert sum((image == grey).all() for image in found) == 1


def test_the_labels_are_the_published_ones_whatever_the_folders_are_called(tmp_path: Path) -> None:
    layouts.image_folder(tmp_path / "named", mnist.SET.classes, channels=1, side=28)
    layouts.image_folder(tmp_path / "fashion", [c.replace("/", "-") for c in fashion_mnist.SET.classes], side=28)
    assert same(load(f"mnist:{tmp_path / 'named'}").test, "test", channels=1, side=28)
    with pytest.raises(ValueError, match=r"each of the 10 classes of Fashion-MNIST; found 10, none for 'T-shirt/top'"):
        load(f"fashion-mnist:{tmp_path / 'fashion'}")


def test_places_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = LAYOUTS["svhn"][2]
    places = [tmp_path / "mine", tmp_path / "data", tmp_path / "home/.cache/robustill/data"]
    for place in places:
        write(place / "svhn")
    monkeypatch.setenv("ROBUSTILL_DATA", str(places[0]))
    for place, said in zip(places, ("mine/svhn/test", "^data/svhn/test", "robustill/data/svhn/test"), strict=True):
        (place / "svhn" / "test_32x32.mat").write_bytes(b"broken")
        with pytest.raises(ValueError, match=said):
            load("svhn")
        shutil.rmtree(place)


@pytest.mark.parametrize("place", ["kept", "kept/cifar-10-batches-py"])
def test_a_named_place_is_the_set_or_holds_it(place: str, tmp_path: Path) -> None:
    LAYOUTS["cifar10-py"][2](tmp_path / "kept" / "cifar-10-batches-py")
    found = load(f"cifar10:{tmp_path / place}")
    assert found.name == f"cifar10:{tmp_path / place}" and same(found.train, "train")


def test_a_folder_of_sets_is_not_taken_for_one(tmp_path: Path) -> None:
    layouts.image_folder(tmp_path / "data", TEN)
    with pytest.raises(FileNotFoundError, match="There is no CIFAR-10 in data"):
        load("cifar10")


@pytest.mark.parametrize("name", SETS)
def test_every_place_is_named_where_nothing_is_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTILL_DATA", str(tmp_path / "sets"))
    with pytest.raises(FileNotFoundError) as caught:
        load(name)
    said, module = str(caught.value), SETS[name].SET
    for word in (str(tmp_path / "sets"), "data", str(tmp_path / "home/.cache/robustill/data"), module.page, name):
        assert word in said
    assert all(f"{layout.folder}/{layout.mark}" in said for layout in module.layouts)
    assert f"{name}/train/*/*" in said and f"{name}:PATH" in said and "ROBUSTILL_DATA" in said
    assert len(said.replace(str(tmp_path), "")) < 480
    with pytest.raises(FileNotFoundError, match=r"nowhere; looked for"):
        load(f"{name}:nowhere")


def test_a_part_of_a_set_is_another_set(tmp_path: Path) -> None:
    LAYOUTS["cifar10-bin"][2](tmp_path / "data/cifar-10-batches-bin")
    (tmp_path / "data/cifar-10-batches-bin/data_batch_2.bin").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"CIFAR-10 has 20 training images; found 16 in .* a part of it as another set"
    ):
        load("cifar10")


def test_resized_images_are_another_set(tmp_path: Path) -> None:
    layouts.image_folder(tmp_path / "cifar10", TEN, side=20)
    with pytest.raises(ValueError, match=r"CIFAR-10 has images of 32x32 pixels; found 20x20 in .*or give `image_size`"):
        load(f"cifar10:{tmp_path}")
    assert load(f"cifar10:{tmp_path}", image_size=32).image_size == (32, 32)


def test_another_image_folder_is_refused(tmp_path: Path) -> None:
    layouts.image_folder(tmp_path / "cifar10", ("cat", "dog", "eel"))
    with pytest.raises(
        ValueError, match=r"each of the 10 classes of CIFAR-10; found 3, none for 'airplane'. Load anot"
    ):
        load(f"cifar10:{tmp_path}")


def test_a_folder_of_class_folders_called_train_is_no_pickle(tmp_path: Path) -> None:
    layouts.image_folder(tmp_path / "cifar100", TEN[:4])  # cifar-100-python has a file called train
    assert len(load(f"cifar100:{tmp_path / 'cifar100'}").train) == SEEN["train"]


def test_svhn_with_other_arrays_is_refused(tmp_path: Path) -> None:
    layouts.svhn_files(tmp_path)
    content = layouts.matlab({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.zeros((3, 1), np.uint8)})
    (tmp_path / "train_32x32.mat").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"must hold X of 32x32x3xN bytes and y of N; found X of \(32, 32, 3, 2\), y of"
    ):
        load(f"svhn:{tmp_path}")
    (tmp_path / "train_32x32.mat").write_bytes(layouts.matlab({}))
    with pytest.raises(ValueError, match="found no array of bytes"):
        load(f"svhn:{tmp_path}")


@pytest.mark.parametrize("line", ["val_0.JPEG", "val_0.JPEG\tn99\t0\t0\t62\t62"])
def test_a_list_of_tiny_imagenet_with_another_line_is_refused(line: str, tmp_path: Path) -> None:
    layouts.tiny_files(tmp_path, sorted(WNIDS))
    (tmp_path / "val/val_annotations.txt").write_text(line)
    with pytest.raises(ValueError, match=r"one of the 4 classes in every line; found \['val_0.JPEG'"):
        load(f"tiny-imagenet:{tmp_path}")


def test_a_missing_file_of_four_is_named(tmp_path: Path) -> None:
    layouts.idx_files(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="must hold t10k-labels-idx1-ubyte, gzipped or not"):
        load(f"mnist:{tmp_path}")


def test_every_named_set_says_what_it_is() -> None:
    sources = find_sources()
    for name, module in SETS.items():
        assert sources[name] is module and f"{name}[:PATH]" == module.SPEC
    assert tiny_imagenet.SUMMARY == (
        "Tiny ImageNet: 100,000 training and 10,000 test images, 64x64, colour, 200 classes"
    )
