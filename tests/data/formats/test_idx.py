"""The idx format: whole files of bytes, and nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from robustill.data.formats.idx import read_idx
from tests.data.layouts import idx

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype=np.uint8)


@pytest.mark.parametrize("content", [idx(IMAGES), gzip.compress(idx(IMAGES))], ids=["plain", "gzip"])
def test_bytes_are_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    assert np.array_equal(read_idx(tmp_path / "a"), IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            gzip.compress(b"\x00\x00\x0d\x01rest"),
            "must be an idx file of bytes, gzipped or not; it begins with 00 00 0d",
        ),
        (b"<html>", "it begins with 3c 68 74"),
        (b"", "it begins with "),
        (idx(IMAGES)[:-1], "must hold 60 bytes after its header; found 59"),
        (idx(IMAGES) + b"x", "must hold 60 bytes after its header; found 61"),
        (gzip.compress(idx(IMAGES))[:-9], "is not a whole gzip file"),
    ],
    ids=["floats", "a page", "empty", "short", "long", "cut off"],  # a gzip file holds the time
)
def test_another_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=f"a .*{message}"):
        read_idx(tmp_path / "a")
