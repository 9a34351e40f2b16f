"""Pickles of arrays are rebuilt; nothing else is done, whatever they ask for."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustill.data.formats.cifar import from_bytes, from_pickles
from robustill.data.formats.pickles import read_pickle

# numpy.array([[1, 2], [3, 4]], uint8) under b"data", as Python 2 and numpy 1 wrote it
PYTHON_2 = (
    b"\x80\x02}q\x01U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85q\x05U\x01b"
    b"\x87Rq\x06(K\x01K\x02K\x02\x86q\x07cnumpy\ndtype\nq\x08U\x02u1q\tK\x00K\x01\x87Rq\n(K\x03U\x01|NNNJ\xff\xff\xff"
    b"\xffJ\xff\xff\xff\xffK\x00tb\x89U\x04\x01\x02\x03\x04tbs."
)


def write(file: Path, content: Any, protocol: int = 2) -> Path:
    file.write_bytes(pickle.dumps(content, protocol=protocol))
    return file


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PYTHON_2)
    assert read_pickle(tmp_path / "a")[b"data"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_texts_lists_and_numbers_are_read(protocol: int, tmp_path: Path) -> None:
    data = np.arange(6, dtype=np.uint8).reshape(2, 3)
    content = {b"data": data, b"labels": [1, 2], b"names": [b"a"]}
    found = read_pickle(write(tmp_path / "a", content, protocol))
    assert np.array_equal(found[b"data"], data) and found[b"labels"] == [1, 2] and found[b"names"] == [b"a"]


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch harmed",)


class Evaluated:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("open('harmed', 'w')",)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (Harmful(), r"posix\.system|nt\.system"),
        ({b"data": [Evaluated()]}, r"__builtin__\.eval|builtins\.eval"),
        ({b"data": OrderedDict()}, r"collections\.OrderedDict"),
    ],
    ids=["system", "eval", "ordered"],
)
def test_nothing_is_executed(content: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"a cannot be read as a pickle of arrays \(it asks for ({name}), and only"):
        read_pickle(write(tmp_path / "a", content))
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("content", [b"", b"<html>", PYTHON_2[:60]])
def test_what_is_no_whole_pickle_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=r"a cannot be read as a pickle of arrays .*; get the file again"):
        read_pickle(tmp_path / "a")


def test_what_is_no_dict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must hold a dict of arrays; found list"):
        read_pickle(write(tmp_path / "a", [1, 2]))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {b"data": np.zeros((2, 3072), np.uint8)},
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]},
        {b"data": np.zeros((2, 3000), np.uint8), b"labels": [1, 2]},
        {b"data": np.zeros((2, 3072), np.float32), b"labels": [1, 2]},
        {b"data": [0] * 3072, b"labels": [1]},
    ],
)
def test_other_arrays_than_those_of_cifar_are_refused(content: dict[bytes, Any], tmp_path: Path) -> None:
    write(tmp_path / "a", content)
    with pytest.raises(
        ValueError, match="a must hold 3072 bytes for each image under `data` and its labels under `lab"
    ):
        from_pickles(tmp_path, ["a"], b"labels")


def test_a_binary_file_of_another_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(3073 + 5))
    with pytest.raises(ValueError, match=r"a\.bin must be rows of 3073 bytes; found 3078 bytes"):
        from_bytes(tmp_path, ["a.bin"], labels=1)
