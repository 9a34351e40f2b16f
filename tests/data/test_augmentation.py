"""Augmentations: the same as a slow loop over images, and a property of the image, not of its batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Int64
from torch import Tensor

from robustill.component import find
from robustill.data.augmentation import Augmentation, CropFlip, NoAugmentation
from robustill.types import Pixels

AUGMENTATIONS = [NoAugmentation(), CropFlip(), CropFlip(padding=2, flip=False), CropFlip(padding=0)]


def random_images(count: int, channels: int = 3, height: int = 9, width: int = 7) -> Pixels:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(1, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)


def draw(augmentation: Augmentation, count: int, seed: int = 0) -> Int64[Tensor, "batch choices"]:
    return augmentation.draw(count, torch.Generator().manual_seed(seed))


def crop_flip_reference(images: Pixels, choices: Int64[Tensor, "batch choices"], padding: int) -> Pixels:
    """Pixel by pixel: where does this one come from, and was it inside the image?"""
    height, width = images.shape[2:]
    result = torch.zeros_like(images)
    for i, (top, left, mirrored) in enumerate(choices.tolist()):
        for row in range(height):
            for column in range(width):
                source_row = row + top - padding
                source_column = (width - 1 - column if mirrored else column) + left - padding
                if 0 <= source_row < height and 0 <= source_column < width:
                    result[i, :, row, column] = images[i, :, source_row, source_column]
    return result


@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_crop_flip_equals_a_slow_loop(padding: int, flip: bool, channels: int) -> None:
    augmentation = CropFlip(padding=padding, flip=flip)
    images = random_images(12, channels)
    choices = draw(augmentation, 12)
    assert torch.equal(augmentation.apply(images, choices), crop_flip_reference(images, choices, padding))


def test_crop_flip_leaves_images_where_they_are_in_the_middle() -> None:
    images = random_images(2)
    same = CropFlip(padding=4).apply(images, torch.tensor([[4, 4, 0], [4, 4, 1]]))
    assert torch.equal(same[0], images[0])
    assert torch.equal(same[1], images[1].flip(-1))


def test_crop_flip_draws_every_choice_equally_often() -> None:
    choices = draw(CropFlip(padding=2), 20_000)
    for column, values in ((0, 5), (1, 5), (2, 2)):
        shares = choices[:, column].bincount(minlength=values) / len(choices)
        assert len(shares) == values
        assert (shares - 1 / values).abs().max() < 0.02  # over five standard deviations


def test_crops_are_the_same_with_and_without_mirroring() -> None:
    both, crops = draw(CropFlip(), 50), draw(CropFlip(flip=False), 50)
    assert torch.equal(both[:, :2], crops[:, :2])
    assert both[:, 2].any()
    assert not crops[:, 2].any()


@settings(deadline=None)
@given(st.sampled_from(AUGMENTATIONS), st.lists(st.integers(1, 8), min_size=1, max_size=5))
def test_an_image_changes_in_the_same_way_in_any_batch(augmentation: Augmentation, sizes: list[int]) -> None:
    images = random_images(sum(sizes))
    choices = draw(augmentation, len(images))
    whole = augmentation.apply(images, choices)
    parts = [augmentation.apply(x, c) for x, c in zip(images.split(sizes), choices.split(sizes), strict=True)]
    assert torch.equal(whole, torch.cat(parts))


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_images_are_not_changed_in_place(augmentation: Augmentation) -> None:
    images = random_images(4)
    before = images.clone()
    result = augmentation.apply(images, draw(augmentation, 4))
    assert torch.equal(images, before)
    assert (result.shape, result.dtype) == (before.shape, torch.uint8)


def test_no_augmentation_is_none() -> None:
    images = random_images(4)
    assert torch.equal(NoAugmentation().apply(images, draw(NoAugmentation(), 4)), images)


def test_augmentations_are_found_and_written_as_they_are_built() -> None:
    assert set(find("robustill.data", Augmentation)) == {"CropFlip", "NoAugmentation"}
    assert repr(CropFlip(padding=2)) == "CropFlip(padding=2)"


def test_padding_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="`padding` must be a number of pixels, 0 or more; found -1"):
        CropFlip(padding=-1)


def test_padding_must_be_smaller_than_the_images() -> None:
    augmentation = CropFlip(padding=7)
    with pytest.raises(ValueError, match="found padding=7 for images of 7x9 pixels"):
        augmentation.apply(random_images(2), draw(augmentation, 2))
