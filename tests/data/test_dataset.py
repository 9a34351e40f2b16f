"""Datasets: what each must be, whatever source it comes from, and what it says of itself."""

from __future__ import annotations

import pytest
import torch

from robustill.data.dataset import Dataset
from robustill.data.split import Split


def split(labels: list[int], shape: tuple[int, int, int] = (3, 4, 6)) -> Split:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (len(labels), *shape), dtype=torch.uint8, generator=generator)
    return Split(images, torch.tensor(labels, dtype=torch.int64))


def test_it_knows_its_shape() -> None:
    data = Dataset("toy", split([0, 1, 2]), split([0]), ("a", "b", "c"))
    assert (data.num_classes, data.channels, data.image_size) == (3, 3, (4, 6))


def test_channel_statistics_equal_those_of_the_pixels() -> None:
    data = Dataset("toy", split([0, 1] * 20), split([0]), ("a", "b"))
    mean, std = data.channel_statistics()
    pixels = data.train.images.double() / 255
    torch.testing.assert_close(torch.tensor(mean).double(), pixels.mean((0, 2, 3)), atol=1e-7, rtol=0)
    torch.testing.assert_close(torch.tensor(std).double(), pixels.std((0, 2, 3), correction=0), atol=1e-7, rtol=0)


def test_channel_statistics_are_of_the_training_split_alone() -> None:
    train = Split(torch.full((2, 1, 2, 2), 51, dtype=torch.uint8), torch.tensor([0, 1]))
    mean, std = Dataset("toy", train, split([0], (1, 2, 2)), ("a", "b")).channel_statistics()
    assert mean == (0.2,)
    assert std == (0.0,)


@pytest.mark.parametrize(("classes", "found"), [((), "none"), (("cat",), "`cat`")])
def test_it_needs_two_classes(classes: tuple[str, ...], found: str) -> None:
    with pytest.raises(ValueError, match=f"toy: a classifier needs at least two classes; found {found}"):
        Dataset("toy", split([0]), split([0]), classes)


@pytest.mark.parametrize(("labels", "found"), [([0, 1, 2], "0 to 2"), ([-1, 0, 1], "-1 to 1")])
@pytest.mark.parametrize("part", ["training", "test"])
def test_labels_must_name_a_class(labels: list[int], found: str, part: str) -> None:
    good, bad = split([0, 1]), split(labels)
    train, test = (bad, good) if part == "training" else (good, bad)
    with pytest.raises(ValueError, match=f"the {part} labels must be 0 to 1, one for each of 2 classes; found {found}"):
        Dataset("toy", train, test, ("a", "b"))


def test_every_class_needs_a_training_image() -> None:
    with pytest.raises(ValueError, match="every class needs a training image; found none for `b`, `d`"):
        Dataset("toy", split([0, 2]), split([0]), ("a", "b", "c", "d"))
    many = tuple(f"class{i}" for i in range(9))
    with pytest.raises(ValueError, match=r"none for `class2`, .*, `class6` and 2 more"):
        Dataset("toy", split([0, 1]), split([0]), many)


@pytest.mark.parametrize("part", ["training", "test"])
def test_no_split_may_be_empty(part: str) -> None:
    train, test = (split([]), split([0])) if part == "training" else (split([0, 1]), split([]))
    with pytest.raises(ValueError, match=f"the {part} split must have images; found none"):
        Dataset("toy", train, test, ("a", "b"))


def test_both_splits_have_one_shape() -> None:
    with pytest.raises(ValueError, match=r"must have one shape; found 3x4x6 .* and 1x4x6"):
        Dataset("toy", split([0, 1]), split([0], (1, 4, 6)), ("a", "b"))
