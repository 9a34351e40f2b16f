"""What the machine can do at most, and how its time is read."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional as F

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Clock:
    """Seconds of the wall and of the processor, of what is done within ``running``.

    On one thread the processor's seconds are those of the work: what other programs do at the same time counts little.
    On several they count threads that wait for each other too, and the wall's are the ones to read.
    """

    wall = processor = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        wall, processor = time.perf_counter(), time.process_time()
        yield
        self.wall, self.processor = time.perf_counter() - wall, time.process_time() - processor

    @property
    def seconds(self) -> float:
        return self.processor if torch.get_num_threads() == 1 else self.wall


def peaks(rounds: int = 5) -> dict[str, dict[str, float]]:
    """Floating-point operations a second of a large matrix product and a large convolution, the best of some rounds."""
    return {
        name: {"matrix product": _rate(rounds, *_product(dtype)), "convolution": _rate(rounds, *_convolution(dtype))}
        for name, dtype in PRECISIONS.items()
    }


def _rate(rounds: int, work: Callable[[], object], operations: float) -> float:
    work()
    seconds = []
    for _ in range(rounds):
        clock = Clock()
        with clock.running():
            work()
        seconds.append(clock.seconds)
    return operations / min(seconds)


def _product(dtype: torch.dtype, side: int = 1536) -> tuple[Callable[[], object], float]:
    a, b = torch.rand(side, side).to(dtype), torch.rand(side, side).to(dtype)
    return lambda: a @ b, 2.0 * side**3


def _convolution(
    dtype: torch.dtype, batch: int = 64, channels: int = 256, side: int = 16
) -> tuple[Callable[[], object], float]:
    x = torch.rand(batch, channels, side, side).to(dtype, memory_format=torch.channels_last)
    weight = torch.rand(channels, channels, 3, 3).to(dtype, memory_format=torch.channels_last)
    return lambda: F.conv2d(x, weight, padding=1), 2.0 * batch * side**2 * channels**2 * 9


def peak_memory() -> int:
    """The largest memory that this process has held, in bytes."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else 1024 * held
