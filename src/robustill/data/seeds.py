"""Randomness as a pure function of where it is used: (seed, purpose, epoch, ...).

Nothing here keeps a state, so a resumed run draws what the uninterrupted one would have drawn, and two purposes that
share the seed of the run (``"order"``, ``"augmentation"``, an attack's noise) never share a stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor


def mix(seed: int, *path: int | str) -> int:
    """A 63-bit seed for the place that ``path`` names, such as ``mix(0, "augmentation", epoch)``.

    A hash, not a sum: neighbouring seeds and epochs have nothing in common, and seed 1 in epoch 2 is not seed 2 in
    epoch 1.
    """
    place = repr((seed, *path)).encode()
    return int.from_bytes(blake2b(place, digest_size=8).digest(), "big") >> 1


def generator(seed: int, *path: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator for the place that ``path`` names. Generators of two kinds of device give different numbers."""
    return torch.Generator(device).manual_seed(mix(seed, *path))


@contextmanager
def seeded(seed: int, *path: int | str, device: torch.device) -> Iterator[None]:
    """Within, PyTorch's own generators, from which dropout draws, are those of the place; then as they were."""
    with torch.random.fork_rng([torch.cuda.current_device()] if device.type == "cuda" else []):
        torch.manual_seed(mix(seed, *path))
        yield


def permutation(count: int, seed: int, *path: int | str) -> Int64[Tensor, " count"]:
    """The numbers 0 to ``count - 1`` in an order that depends on nothing but the arguments.

    Sorted by raw words of PCG64: numpy promises that this stream never changes, which PyTorch does not for
    ``randperm``. So the validation images of an old run can be named again by a later version.
    """
    return torch.from_numpy(np.random.PCG64(mix(seed, *path)).random_raw(count).argsort(kind="stable"))


def draws(count: int, among: int, seed: int, *path: int | str) -> Int64[Tensor, " count"]:
    """``count`` numbers from 0 to ``among - 1``, each drawn by itself, that depend on nothing but the arguments.

    As ``permutation`` from raw words: 64 bits make the remainder uniform to one part in 10^11 for 10^8 numbers.
    """
    words = np.random.PCG64(mix(seed, *path)).random_raw(count)
    return torch.from_numpy((words % np.uint64(among)).astype(np.int64))
