"""MATLAB's files: as scipy writes them, and one sentence for what is none."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from robustill.data.formats.matlab import read_matlab
from tests.data.layouts import matlab

# scipy.io.savemat of X = arange(36).reshape(2, 3, 3, 2), y = [[10], [3]], note = "text", f = eye(2), compressed and not
COMPRESSED = """
TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IFN1biBOb3YgMjIgMTc6MzU6MzQgMjAyNgAAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0PAAAAUAAAAHic42NgYEgAYjYg5gBiTgYIYAViASBmAmJmKAaxGYEwAspWASkU
YpPgkWMS4ZDiU2AR45IRUGIUZpfklWcW5ZTmV2QV55YVVAYpAwCJbQObDwAAACkAAAB4nONjYGAwAGI2IOYAYk4GCGCF8pmAmBGMGRkqwXwmBi5mBgYAGM
sA8g8AAAAqAAAAeJzjY2BgMABiNiDmAGIWBghghfIZoWKMQDIvvyRVAEiXpFaUAAApVQP3DwAAACwAAAB4nONjYGAIAGI2IOaA0iDACuUzQTEjEKYBaU4g
VmCAgQ/2DFjBB3sAYcQDcw==
"""
PLAIN = """
TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IFN1biBOb3YgMjIgMTc6MzU6MzQgMjAyNgAAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0OAAAAYAAAAAYAAAAIAAAACQAAAAAAAAAFAAAAEAAAAAIAAAADAAAAAwAAAAIAAAAB
AAEAWAAAAAIAAAAkAAAAABIGGAweAhQIGg4gBBYKHBAiARMHGQ0fAxUJGw8hBRcLHREjAAAAAA4AAAAwAAAABgAAAAgAAAAJAAAAAAAAAAUAAAAIAAAAAg
AAAAEAAAABAAEAeQAAAAIAAgAKAwAADgAAADAAAAAGAAAACAAAAAQAAAAAAAAABQAAAAgAAAABAAAABAAAAAEABABub3RlEAAEAHRleHQOAAAAUAAAAAYA
AAAIAAAABgAAAAAAAAAFAAAACAAAAAIAAAACAAAAAQABAGYAAAAJAAAAIAAAAAAAAAAAAPA/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAPA/
"""


@pytest.mark.parametrize("text", [COMPRESSED, PLAIN], ids=["compressed", "plain"])
def test_what_scipy_wrote_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b64decode(text))
    arrays = read_matlab(tmp_path / "a.mat")
    assert arrays.keys() == {"X", "y"}  # bytes only
    assert np.array_equal(arrays["X"], np.arange(36).reshape(2, 3, 3, 2))
    assert arrays["y"].tolist() == [[10], [3]]


@pytest.mark.parametrize("content", [b"", b"<html>" * 40, b"MATLAB 7.3 MAT-file".ljust(126) + b"MI"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.mat must be a MATLAB file of version 5, little-endian; it begins with b"):
        read_matlab(tmp_path / "a.mat")


@pytest.mark.parametrize("compressed", [True, False])
def test_a_truncated_file_is_refused(compressed: bool, tmp_path: Path) -> None:
    content = matlab({"X": np.arange(200, dtype=np.uint8).reshape(10, 20)}, compressed=compressed)
    for length in (130, len(content) - 30):
        (tmp_path / "a.mat").write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"a\.mat cannot be read \(.*\); get it again"):
            read_matlab(tmp_path / "a.mat")
