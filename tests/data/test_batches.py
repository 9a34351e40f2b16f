"""Batches: every image once an epoch, in an order and with an augmentation that only (seed, epoch, index) decide."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robustill.data.augmentation import Augmentation, CropFlip, NoAugmentation
from robustill.data.batches import Batches, in_order, to_float
from robustill.data.split import Split
from robustill.types import Images, Labels


def toy_split(count: int = 50) -> Split:
    """Random images, and labels that number them."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)
    return Split(images, torch.arange(count))


CROP_FLIP = CropFlip(padding=2)


def make(
    split: Split,
    *,
    batch_size: int = 16,
    seed: int = 0,
    augmentation: Augmentation = CROP_FLIP,
    drop_last: bool = False,
) -> Batches:
    return Batches(split, batch_size=batch_size, seed=seed, augmentation=augmentation, drop_last=drop_last)


def whole(batches: Batches, epoch: int) -> tuple[Images, Labels]:
    images, labels = zip(*batches.epoch(epoch), strict=True)
    return torch.cat(images), torch.cat(labels)


def test_an_epoch_shows_every_image_once() -> None:
    _, labels = whole(make(toy_split()), 0)
    assert labels.sort().values.tolist() == list(range(50))
    assert labels.tolist() != list(range(50))


def test_images_stay_with_their_labels() -> None:
    split = toy_split()
    for x, y in make(split, augmentation=NoAugmentation()).epoch(0):
        assert torch.equal(x, split.images[y].float() / 255)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 3))
def test_nothing_depends_on_the_batch_size(batch_size: int, epoch: int) -> None:
    split = toy_split()
    x, y = whole(make(split, batch_size=batch_size), epoch)
    x_expected, y_expected = whole(make(split), epoch)
    assert torch.equal(y, y_expected)
    assert torch.equal(x, x_expected)


def test_an_epoch_depends_on_no_earlier_one() -> None:
    used, fresh = make(toy_split()), make(toy_split())
    for epoch in range(3):
        whole(used, epoch)
    next(used.epoch(3))  # left in the middle
    torch.rand(3)  # the global generator plays no part
    for a, b in zip(whole(used, 3), whole(fresh, 3), strict=True):
        assert torch.equal(a, b)


def test_epochs_and_seeds_differ_in_order_and_augmentation() -> None:
    split = toy_split()
    epochs = [whole(make(split, seed=seed), epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for i, (x, y) in enumerate(epochs):
        for x_other, y_other in epochs[:i]:
            assert not torch.equal(y, y_other)
            changed = (x[y.argsort()] != x_other[y_other.argsort()]).flatten(1).any(1)
            assert changed.float().mean() > 0.8  # 1 of 25 crops x 2 mirrorings is the same by chance


def test_the_order_is_the_same_with_any_augmentation() -> None:
    _, y = whole(make(toy_split()), 2)
    _, y_plain = whole(make(toy_split(), augmentation=NoAugmentation()), 2)
    assert torch.equal(y, y_plain)


def test_pixels_are_floats_of_zero_to_one() -> None:
    x, _ = whole(make(toy_split()), 0)
    assert x.dtype == torch.float32
    assert (x.min().item(), x.max().item()) == (0.0, 1.0)
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert to_float(levels).flatten().tolist() == [torch.tensor(i / 255).item() for i in range(256)]


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "sizes"),
    [
        (16, False, [16, 16, 16, 2]),
        (16, True, [16, 16, 16]),
        (25, False, [25, 25]),
        (25, True, [25, 25]),
        (50, True, [50]),
        (99, False, [50]),
    ],
)
def test_the_last_batch(batch_size: int, drop_last: bool, sizes: list[int]) -> None:
    batches = make(toy_split(), batch_size=batch_size, drop_last=drop_last)
    assert [len(y) for _, y in batches.epoch(0)] == sizes
    assert len(batches) == len(sizes)


def test_an_epoch_must_have_a_batch() -> None:
    with pytest.raises(
        ValueError, match=r"at most 50, the number of images, .* found batch_size=51 with drop_last=True"
    ):
        make(toy_split(), batch_size=51, drop_last=True)


def test_the_batch_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="`batch_size` must be 1 or more; found 0"):
        make(toy_split(), batch_size=0)
    with pytest.raises(ValueError, match="`batch_size` must be 1 or more; found -5"):
        next(in_order(toy_split(), -5))


@pytest.mark.parametrize("batch_size", [1, 16, 50, 99])
def test_in_order_shows_everything_unchanged(batch_size: int) -> None:
    split = toy_split()
    images, labels = zip(*in_order(split, batch_size), strict=True)
    assert torch.equal(torch.cat(labels), split.labels)
    assert torch.equal(torch.cat(images), split.images.float() / 255)
    assert max(len(y) for y in labels) == min(batch_size, 50)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_sees_the_same_epoch() -> None:
    split = toy_split()
    for on_cpu, on_gpu in zip(whole(make(split), 1), whole(make(split.to("cuda")), 1), strict=True):
        assert on_gpu.is_cuda
        assert torch.equal(on_cpu, on_gpu.cpu())
