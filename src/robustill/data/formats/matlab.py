"""MATLAB's files of version 5, as far as arrays of bytes go: SVHN is published in them.

A file is a header of 128 bytes and elements, each a tag of 8 bytes (type, length) and data padded to 8 bytes; up to 4
bytes of data fit into the tag itself. An array is an element of sub-elements: flags, axes, name, numbers in Fortran's
order. It may be compressed as a whole. (The MathWorks, "MAT-File Format", chapter 1.)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

_UINT8, _MATRIX, _COMPRESSED = 2, 14, 15


def read_matlab(file: Path) -> dict[str, UInt8[np.ndarray, ...]]:
    """The arrays of bytes in a MATLAB file by name; anything else in it is left out.

    Raises ValueError if it is another file, or damaged.
    """
    content = memoryview(file.read_bytes())
    if bytes(content[:6]) != b"MATLAB" or bytes(content[126:128]) != b"IM":
        raise ValueError(
            f"{file} must be a MATLAB file of version 5, little-endian; it begins with {bytes(content[:20])!r}."
        )
    try:
        return dict(_arrays(content[128:]))
    except (struct.error, zlib.error, ValueError) as error:
        raise ValueError(f"{file} cannot be read ({error}); get it again.") from error


def _arrays(content: memoryview) -> Iterator[tuple[str, UInt8[np.ndarray, ...]]]:
    for kind, data in _elements(content):
        if kind == _COMPRESSED:
            yield from _arrays(memoryview(zlib.decompress(data)))
        elif kind == _MATRIX:
            _, (_, axes), (_, name), (of, numbers), *_ = _elements(data)
            if of == _UINT8:
                array = np.frombuffer(numbers, np.uint8).reshape(np.frombuffer(axes, "<i4"), order="F")
                yield bytes(name).decode(), array


def _elements(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The type and the data of each element."""
    while content:
        kind, length = struct.unpack_from("<II", content)
        small = kind >> 16
        if small:  # the length is in the upper half of the type
            yield kind & 0xFFFF, content[4 : 4 + small]
            content = content[8:]
            continue
        if length > len(content) - 8:
            raise ValueError(f"an element of {length} bytes ends after {len(content) - 8}")
        yield kind, content[8 : 8 + length]
        content = content[8 + length + (-length % 8 if kind != _COMPRESSED else 0) :]
