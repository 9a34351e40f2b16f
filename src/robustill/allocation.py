"""Memory that a pass of a network frees and the next one needs again."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h

KEPT = 2**26
"""Blocks of so many bytes are given back after all: what is kept of them lies in pieces, and more is held than used."""


def keep_freed_memory() -> bool:
    """Lets the process keep the memory it frees, and says whether it could: on the CPU, with glibc.

    The GNU allocator gives every block of 32 MiB or more back to the system as soon as it is freed, and the system
    fills it with zeros, page by page, before it is given out again. The feature maps of a batch of 128 are of that
    size, so a training step in float32 spends a quarter of its time on it. A GPU's allocator keeps its memory anyway.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, KEPT) and mallopt(M_TRIM_THRESHOLD, -1))
