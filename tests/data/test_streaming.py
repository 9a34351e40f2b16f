"""Images that stream are the same, bit for bit, as those in memory: whatever source, batch, order and part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from robustill.data import Batches, CropFlip, Dataset, Split, hold_out, in_order, load
from robustill.data.formats import arrays
from robustill.data.stored import Mapped, Part, in_memory
from robustill.types import Images, Labels
from tests.data import layouts


def photos(folder: Path) -> str:
    """Class folders of two sizes, some images grey."""
    for part in ("train", "test"):
        for i in range(30 if part == "train" else 8):
            random = np.random.default_rng(i)
            image = random.integers(0, 256, (1 if i % 5 == 0 else 3, 14 + i % 2, 16), dtype=np.uint8)
            layouts.save(folder / part / f"class{i % 3}" / f"{i:02}.png", image)
    return f"folder:{folder}"


def archive(folder: Path) -> str:
    """An archive that is not compressed, with channels last."""
    random = np.random.default_rng(0)
    np.savez(
        folder / "a.npz",
        x_train=random.integers(0, 256, (30, 9, 12, 3), dtype=np.uint8),
        y_train=np.arange(30) % 3,
        x_test=random.integers(0, 256, (8, 9, 12, 3), dtype=np.uint8),
        y_test=np.arange(8) % 3,
    )
    return f"npz:{folder / 'a.npz'}"


@pytest.fixture(params=["folder", "npz", "mapped npz"])
def both(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, Dataset]:
    """One dataset in memory, and streaming."""
    if request.param == "mapped npz":
        monkeypatch.setattr(arrays, "fits", lambda size: False)
    spec = (photos if request.param == "folder" else archive)(tmp_path)
    return load(spec, image_size=12, channels=3, stream=False), load(spec, image_size=12, channels=3, stream=True)


def assert_equal(first: Iterator[tuple[Images, Labels]], second: Iterator[tuple[Images, Labels]]) -> None:
    for (x, y), (x_other, y_other) in zip(first, second, strict=True):
        assert torch.equal(x, x_other) and torch.equal(y, y_other)


def test_the_two_differ_in_nothing_but_where_they_are(both: tuple[Dataset, Dataset]) -> None:
    kept, streamed = both
    assert not kept.train.streamed and streamed.train.streamed and streamed.test.streamed
    assert (kept.classes, kept.image_size, kept.channels) == (streamed.classes, streamed.image_size, streamed.channels)
    assert kept.train.shape == streamed.train.shape and kept.train.files == streamed.train.files
    assert kept.train.nbytes == streamed.train.nbytes == kept.train.images.numel()
    assert torch.equal(kept.test.images, streamed.test.images)
    assert kept.channel_statistics() == streamed.channel_statistics()


@pytest.mark.parametrize("batch_size", [7, 30])
def test_training_batches_are_equal(both: tuple[Dataset, Dataset], batch_size: int) -> None:
    kept, streamed = (
        Batches(data.train, batch_size=batch_size, seed=3, augmentation=CropFlip(padding=2)) for data in both
    )
    for epoch in (2, 0):
        assert_equal(kept.epoch(epoch), streamed.epoch(epoch))


def test_parts_are_equal(both: tuple[Dataset, Dataset]) -> None:
    def parts(data: Dataset) -> list[Split]:
        rest, held = hold_out(data.train, 9, seed=1)
        return [rest, held, held.stratified(4, seed=2), data.test.subset(torch.tensor([5, 0, 5]))]

    for kept, streamed in zip(*map(parts, both), strict=True):
        assert streamed.streamed and kept.files == streamed.files
        assert_equal(in_order(kept, 3), in_order(streamed.to("cpu"), 3))
        assert torch.equal(kept.images, streamed.resident().images)
        assert torch.equal(kept.images, kept.streaming().images)


def test_a_broken_file_is_named_when_its_turn_comes(tmp_path: Path) -> None:
    data = load(photos(tmp_path), image_size=12, stream=True)
    (tmp_path / "train/class1/04.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"04\.png cannot be read as an image .* robustill data check"):
        list(in_order(data.train, 4))


def test_an_archive_too_large_for_the_memory_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = archive(tmp_path)
    assert not mapped(load(spec, stream=True))
    monkeypatch.setattr(arrays, "fits", lambda size: size < 1000)
    assert mapped(load(spec, stream=True))
    np.savez_compressed(tmp_path / "a.npz", **np.load(tmp_path / "a.npz"))
    assert not mapped(load(spec, stream=True))  # what is compressed lies nowhere as it is


def mapped(data: Dataset) -> bool:
    assert isinstance(data.train.pixels, Mapped)
    array = data.train.pixels.array
    while array.base is not None and not isinstance(array, np.memmap):
        array = array.base
    return isinstance(array, np.memmap)


# Stored images


STACK = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 6), dtype=np.uint8)


def test_a_part_of_a_part_is_a_part() -> None:
    part = Part(Part(Mapped(STACK), np.array([8, 2, 5, 0])), np.array([3, 1, 1]))
    assert part.shape == (3, 3, 4, 6) and len(part) == 3 and part.nbytes == 3 * 3 * 4 * 6
    assert np.array_equal(in_memory(part), STACK[[0, 2, 2]])
    assert np.array_equal(part.read(np.array([1, 0])), STACK[[2, 0]])
    assert np.array_equal(part.original(0), STACK[0])


def test_an_array_in_memory_is_not_copied_unless_it_has_to_be() -> None:
    assert in_memory(Mapped(STACK)) is STACK
    view = STACK.transpose(0, 1, 3, 2)
    read_only = STACK.copy()
    read_only.flags.writeable = False
    for array in (view, read_only):
        copied = in_memory(Mapped(array))
        assert copied is not array and np.array_equal(copied, array) and copied.flags.writeable
    assert in_memory(Mapped(STACK, channels=1)).shape == (9, 1, 4, 6)


def test_originals_keep_their_size() -> None:
    stored = Mapped(STACK, image_size=2, channels=1)
    assert stored.shape == (9, 1, 2, 2) and np.array_equal(stored.original(4), STACK[4])


def test_many_images_are_read_in_order() -> None:
    many = np.arange(1000, dtype=np.uint16).view(np.uint8).reshape(1000, 1, 1, 2)
    assert np.array_equal(in_memory(Part(Mapped(many), np.arange(1000)[::-1].copy())), many[::-1])


def test_a_split_of_stored_images_needs_a_label_for_each() -> None:
    with pytest.raises(ValueError, match="found 9 images, 2 labels"):
        Split(Mapped(STACK), torch.tensor([0, 1]))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gets_the_same_batches() -> None:
    split = Split(torch.from_numpy(STACK), torch.arange(9))
    batches = [
        Batches(part, batch_size=4, seed=0, augmentation=CropFlip(padding=1))
        for part in (split, split.streaming().to("cuda"))
    ]
    for (x, y), (x_there, y_there) in zip(batches[0].epoch(1), batches[1].epoch(1), strict=True):
        assert x_there.is_cuda and torch.equal(x, x_there.cpu()) and torch.equal(y, y_there.cpu())
