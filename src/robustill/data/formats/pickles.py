"""Pickles of arrays, rebuilt without executing anything else: CIFAR's Python version is made of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct


def _latin_1(text: str, _: str) -> bytes:
    """Bytes as Python 3 writes them for Python 2: a text, and the name of this encoding."""
    return text.encode("latin-1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,  # before numpy 2
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin_1,
}
"""All that a pickle may call. Arrays and bytes are rebuilt by these; texts, numbers, lists and dicts need none."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only arrays of numpy are rebuilt")
        return _ALLOWED[module, name]  # type: ignore[no-any-return]


def read_pickle(file: Path) -> dict[bytes, Any]:
    """The dict that a pickle of Python 2 or 3 holds, with its texts as bytes.

    Raises ValueError if it is damaged, holds something else, or needs more than arrays, texts, numbers, lists, dicts.
    """
    try:
        with file.open("rb") as stream:
            content = _ArraysOnly(stream, encoding="bytes").load()
    except Exception as error:  # broken pickles raise anything, from EOFError to MemoryError
        raise ValueError(f"{file} cannot be read as a pickle of arrays ({error}); get the file again.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} must hold a dict of arrays; found {type(content).__name__}. Get the file again.")
    return content
