"""Loading by text: which source, and what is wrong with a text that names none."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import robustill.data
from robustill.data import list_sources, load, sources
from robustill.data.sources import find_sources


def test_the_tutorial_is_true() -> None:
    assert doctest.testmod(robustill.data).failed == 0


def test_the_page_about_data_names_every_source() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    assert [spec for spec in list_sources() if f"`{spec}`" not in page] == []


def test_sources_are_listed() -> None:
    listed = list_sources()
    assert list(listed) == [
        "cifar10[:PATH]",
        "cifar100[:PATH]",
        "demo",
        "fashion-mnist[:PATH]",
        "folder:PATH",
        "hf:OWNER/NAME",
        "mnist[:PATH]",
        "npz:PATH",
        "svhn[:PATH]",
        "tiny-imagenet[:PATH]",
    ]
    assert all("\n" not in summary and len(summary) < 120 for summary in listed.values())


def test_a_source_is_found_without_being_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dropped_in.py").write_text(
        "from robustill.data import load as again\n"
        "SPEC, SUMMARY = 'dropped-in:PATH', 'a test'\n"
        "def load(path, *, image_size, channels):\n"
        "    return again(path, image_size=image_size, channels=channels)\n"
    )
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    assert "dropped-in" in find_sources()
    assert load("dropped-in:demo", image_size=8).image_size == (8, 8)


@pytest.mark.parametrize(
    ("spec", "near"),
    [
        ("folders:photos", "folder:PATH"),
        ("Folder:photos", "folder:PATH"),
        ("dmeo", "demo"),
        ("npy:a", "npz:PATH"),
        ("cifar-10", "cifar10[:PATH]"),
        ("tiny-imagenet-200", "tiny-imagenet[:PATH]"),
    ],
)
def test_an_unknown_source_is_answered_with_the_nearest(spec: str, near: str) -> None:
    message = f"one of {', '.join(list_sources())}; found `{spec}`. Did you mean `{near}`?"
    with pytest.raises(ValueError) as caught:
        load(spec)
    assert message in str(caught.value)


def test_a_path_alone_is_answered_with_its_source(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        load(str(tmp_path))
    assert f"Did you mean `folder:{tmp_path}`?" in str(caught.value)


@pytest.mark.parametrize("spec", ["", "https://example.org/a.zip", "/home/me/photos"])
def test_a_text_like_no_source_gets_no_hint(spec: str) -> None:
    with pytest.raises(ValueError, match=r"found `[^`]*`\.$"):
        load(spec)


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("folder", "folder:PATH"),
        ("npz:", "npz:PATH"),
        ("demo:5000", "demo"),
        ("cifar10:", "cifar10[:PATH]"),
    ],
)
def test_a_path_belongs_to_the_sources_that_take_one(spec: str, usage: str) -> None:
    with pytest.raises(ValueError, match=f"Write `{re.escape(usage)}` to load .*; found `{spec}`"):
        load(spec)


@pytest.mark.parametrize("image_size", [0, -3])
def test_image_size_must_be_positive(image_size: int) -> None:
    with pytest.raises(ValueError, match=f"`image_size` must be .* 1 to 8192; found {image_size}"):
        load("demo", image_size=image_size)


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_channels_are_one_or_three(channels: int) -> None:
    with pytest.raises(ValueError, match=rf"`channels` must be 1 \(grey\) or 3 \(RGB\); found {channels}"):
        load("demo", channels=channels)


def test_the_demo_is_balanced_fashion_mnist() -> None:
    demo = load("demo")
    assert (demo.name, demo.channels, demo.image_size, demo.num_classes) == ("demo", 1, (28, 28), 10)
    assert demo.train.labels.bincount().tolist() == [500] * 10
    assert demo.test.labels.bincount().tolist() == [200] * 10
    assert demo.classes[0] == "T-shirt/top"
    assert demo.classes[9] == "Ankle boot"
    mean, std = demo.channel_statistics()
    np.testing.assert_allclose((*mean, *std), (0.286, 0.353), atol=0.005)  # those of all 60,000 images


def test_the_demo_shares_no_image_between_training_and_test() -> None:
    demo = load("demo")
    train = {image.numpy().tobytes() for image in demo.train.images}
    assert not any(image.numpy().tobytes() in train for image in demo.test.images)


def test_the_demo_comes_in_other_shapes() -> None:
    demo = load("demo", image_size=16, channels=3)
    assert demo.train.images.shape == (5000, 3, 16, 16)
    assert torch.equal(demo.test.images[:, 0], demo.test.images[:, 2])
