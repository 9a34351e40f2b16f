"""The script that embeds Fashion-MNIST: it reads idx files, and its output is the file of the package."""

from __future__ import annotations

import gzip
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from robustill.data import load

SCRIPT = Path(__file__).parents[2] / "scripts" / "embed_fashion_mnist.py"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def idx(array: NDArray[np.uint8]) -> bytes:
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes())


def test_all_images_of_the_idx_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    images = {
        part: random.integers(0, 256, (count, 4, 5), dtype=np.uint8) for part, count in (("train", 20), ("t10k", 10))
    }
    for part, stack in images.items():
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(stack))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx((np.arange(len(stack)) % 10).astype(np.uint8)))
    monkeypatch.setattr(sys, "argv", ["embed", "--source", str(tmp_path), "--full", str(tmp_path / "full.npz")])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    data = load(f"npz:{tmp_path / 'full.npz'}")
    assert np.array_equal(data.train.images[:, 0].numpy(), images["train"])
    assert np.array_equal(data.test.images[:, 0].numpy(), images["t10k"])
    assert data.test.labels.tolist() == list(range(10))
    assert data.classes == load("demo").classes


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"\x00\x00\x0d\x01rest"))
    with pytest.raises(ValueError, match=r"a\.gz must be a gzipped idx file of bytes; it begins with 00 00 0d"):
        runpy.run_path(str(SCRIPT))["read_idx"](tmp_path / "a.gz")


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian's package dataset-fashion-mnist")
def test_the_package_holds_what_the_script_writes() -> None:
    script, demo = runpy.run_path(str(SCRIPT)), load("demo")
    for part, count, embedded in (("train", script["TRAIN"], demo.train), ("t10k", script["TEST"], demo.test)):
        drawn = script["read_split"](DEBIAN, part).stratified(count, script["SEED"])
        assert torch.equal(drawn.images, embedded.images)
        assert torch.equal(drawn.labels, embedded.labels)
