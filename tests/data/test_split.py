"""Splits: a part of one keeps images, labels and files together; samples are stratified, nested and disjoint."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robustill.data.split import Split, hold_out


def numbered(labels: list[int]) -> Split:
    """A split whose images and files carry their position, so that a mix-up shows."""
    images = torch.arange(len(labels)).to(torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2)
    return Split(images, torch.tensor(labels), tuple(f"{i}.png" for i in range(len(labels))))


def positions(split: Split) -> list[int]:
    assert split.files is not None
    found = split.images[:, 0, 0, 0].tolist()
    assert [f"{i}.png" for i in found] == list(split.files)
    return found


LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=100)


def test_subset_takes_images_labels_and_files_in_the_given_order() -> None:
    part = numbered([0, 1, 2, 3]).subset(torch.tensor([3, 1]))
    assert positions(part) == part.labels.tolist() == [3, 1]


def test_without_files_a_part_has_none() -> None:
    split = Split(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64))
    assert split.subset(torch.tensor([0])).files is None
    assert len(split) == 3


def test_to_keeps_everything() -> None:
    assert positions(numbered([0, 1, 0]).to("cpu")) == [0, 1, 2]


@settings(deadline=None)
@given(LABELS, st.data())
def test_a_sample_has_the_shares_of_the_whole(labels: list[int], data: st.DataObject) -> None:
    split = numbered(labels)
    count = data.draw(st.integers(1, len(labels)))
    sample = split.stratified(count, seed=data.draw(st.integers(0, 5)))
    assert len(sample) == count
    assert sample.labels.tolist() == [labels[i] for i in positions(sample)]
    exact = split.labels.bincount(minlength=4) * (count / len(labels))
    # Sainte-Lague may leave the quota by a little with few seats, never by two
    assert (sample.labels.bincount(minlength=4) - exact).abs().max() < 2


def test_a_sample_of_equal_classes_is_exact() -> None:
    split = numbered([i % 5 for i in range(100)])
    for count in (5, 50, 95):
        assert split.stratified(count, seed=1).labels.bincount().tolist() == [count // 5] * 5


@settings(deadline=None)
@given(LABELS)
def test_samples_of_one_seed_are_nested_and_in_order(labels: list[int]) -> None:
    split = numbered(labels)
    samples = [positions(split.stratified(count, seed=2)) for count in range(1, len(labels) + 1)]
    for smaller, larger in pairwise(samples):
        assert set(smaller) < set(larger)
    assert all(sample == sorted(sample) for sample in samples)


def test_a_sample_depends_on_the_seed_alone() -> None:
    split = numbered([i % 2 for i in range(200)])
    assert positions(split.stratified(40, seed=0)) == positions(split.stratified(40, seed=0))
    assert positions(split.stratified(40, seed=0)) != positions(split.stratified(40, seed=1))


@pytest.mark.parametrize("count", [0, -1, 4])
def test_a_sample_must_fit(count: int) -> None:
    with pytest.raises(ValueError, match=f"between 1 and all 3 images of the split; asked for {count}"):
        numbered([0, 1, 1]).stratified(count, seed=0)


@settings(deadline=None)
@given(LABELS, st.data())
def test_hold_out_divides_the_whole(labels: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(labels) - 1))
    rest, held = hold_out(numbered(labels), count, seed=0)
    assert len(held) == count
    assert sorted(positions(rest) + positions(held)) == list(range(len(labels)))
    assert positions(rest) == sorted(positions(rest))


def test_hold_out_is_stratified_and_deterministic() -> None:
    split = numbered([0] * 80 + [1] * 40 + [2] * 80)
    rest, held = hold_out(split, 0.1, seed=0)
    assert held.labels.bincount().tolist() == [8, 4, 8]
    assert rest.labels.bincount().tolist() == [72, 36, 72]
    assert positions(hold_out(split, 20, seed=0)[1]) == positions(held)
    assert positions(hold_out(split, 20, seed=1)[1]) != positions(held)


@pytest.mark.parametrize("amount", [0, 4, 9, -1, 0.0, 1.0, 0.01, 1.5, -0.5])
def test_hold_out_leaves_neither_part_empty(amount: float | int) -> None:
    with pytest.raises(ValueError, match=rf"not all of the 4 images: .* found {amount}"):
        hold_out(numbered([0, 1, 0, 1]), amount, seed=0)


def test_images_must_be_bytes() -> None:
    with pytest.raises(ValueError, match=r"must be bytes of 0 to 255 .* found torch.float32 with 4 axes"):
        Split(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]))


def test_images_must_have_four_axes() -> None:
    with pytest.raises(ValueError, match=r"order NCHW .* found torch.uint8 with 3 axes"):
        Split(torch.zeros(2, 2, 2, dtype=torch.uint8), torch.tensor([0, 1]))


def test_every_image_needs_a_label_and_a_file() -> None:
    images = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"exactly one label .* found 3 images, 2 labels"):
        Split(images, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="found 3 images, 3 labels, 1 files"):
        Split(images, torch.tensor([0, 1, 0]), ("a.png",))
