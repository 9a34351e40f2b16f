"""The script that embeds Fashion-MNIST: its output is the file of the package."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robustill.data import load
from robustill.data.sources import fashion_mnist
from tests.data import layouts

SCRIPT = Path(__file__).parents[2] / "scripts" / "embed_fashion_mnist.py"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def test_all_images_of_the_idx_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layouts.idx_files(tmp_path / "files")
    monkeypatch.setattr(
        fashion_mnist, "SET", replace(fashion_mnist.SET, counts=(layouts.SEEN["train"], layouts.SEEN["test"]))
    )
    words = ["embed", "--source", str(tmp_path / "files"), "--full", str(tmp_path / "full.npz")]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    data = load(f"npz:{tmp_path / 'full.npz'}")
    assert np.array_equal(data.train.images.numpy(), layouts.images("train", channels=1, side=28))
    assert np.array_equal(data.test.images.numpy(), layouts.images("test", channels=1, side=28))
    assert data.test.labels.tolist() == layouts.labels("test").tolist()
    assert data.classes == load("demo").classes


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian's package dataset-fashion-mnist")
def test_the_package_holds_what_the_script_writes() -> None:
    script, demo, full = runpy.run_path(str(SCRIPT)), load("demo"), load(f"fashion-mnist:{DEBIAN}")
    for whole, count, embedded in ((full.train, script["TRAIN"], demo.train), (full.test, script["TEST"], demo.test)):
        drawn = whole.stratified(count, script["SEED"])
        assert torch.equal(drawn.images, embedded.images)
        assert torch.equal(drawn.labels, embedded.labels)
