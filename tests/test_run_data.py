"""Runs on images that stream, and with extra images: the same weights, whatever was interrupted or kept in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustill.models import load_model
from robustill.prepare import prepare
from robustill.protocol import protocol
from robustill.results import RunDirectory
from robustill.train import resume, train
from tests.small import archive, assert_same, small_run, tensors


@pytest.fixture
def data(tmp_path: Path) -> str:
    return archive(tmp_path / "d.npz")


@pytest.fixture
def extra(tmp_path: Path) -> str:
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (500, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "1m.npz", image=image, label=np.arange(500) % 4)
    return f"npz:{tmp_path / '1m.npz'}"


def weights(target: RunDirectory) -> dict[str, Any]:
    return tensors(load_model(target.checkpoint("last")))


def test_a_run_whose_images_stream_ends_with_the_same_weights(data: str, extra: str, tmp_path: Path) -> None:
    kept, streamed = (
        weights(train(small_run(data, extra=extra, stream=stream, normalize=True, epochs=2), tmp_path / str(stream)))
        for stream in (False, True)
    )
    assert_same(kept, streamed)


def test_a_resumed_run_with_extra_images_ends_with_the_same_weights(data: str, extra: str, tmp_path: Path) -> None:
    steady = {"extra": extra, "schedule": "MultiStep(milestones=(100,))"}
    whole = train(small_run(data, epochs=3, **steady), tmp_path / "whole")
    begun = train(small_run(data, epochs=1, **steady), tmp_path / "begun")
    begun.settings_file.write_text(begun.settings_file.read_text().replace("epochs: 1", "epochs: 3"))
    assert_same(weights(whole), weights(resume(begun.path)))


def test_the_protocol_says_what_a_batch_is_made_of(data: str, extra: str) -> None:
    setting = prepare(small_run(data, extra=extra, stream=True))
    rows = dict(protocol(setting))
    assert rows["data"] == (
        f"{data}: 160 training, 40 validation and 40 test images, 4 classes, 1x8x8, pixels in [0, 1]; read as they are "
        f"needed; 34 images of each batch of 48 from the 500 of {extra}, an epoch being a pass over the training images"
    )
    assert rows["length"] == "3 epochs of 12 steps, batch 48"  # 14 of each batch are the set's own
    assert setting.validation is not None and not setting.validation.streamed  # small enough to be kept
    assert setting.batches.split.streamed and setting.batches.extra is not None


def test_extra_images_that_do_not_fit_are_refused(data: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", image=np.zeros((9, 9, 9), np.uint8), label=np.zeros(9, np.int64))
    with pytest.raises(ValueError, match="extra images must have the shape of the others, 1x8x8; found 1x9x9"):
        prepare(small_run(data, extra=f"npz:{tmp_path / 'x.npz'}"))
    with pytest.raises(
        ValueError, match=r"both extra and original images; found a share of 0.7 extra ones of a batch of 1"
    ):
        prepare(small_run(data, extra=f"npz:{tmp_path / 'x.npz'}", image_size=9, batch_size=1))
