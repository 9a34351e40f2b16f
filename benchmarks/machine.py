"""What the machine can do at most, and how its time is read."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.nn import functional as F

CPU = torch.device("cpu")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Work = tuple[Callable[[], object], float]
"""Something to compute, and of how many operations it consists."""

SIZES = {"cpu": (1536, (64, 256, 16)), "cuda": (8192, (512, 256, 32))}
"""By device: the side of large matrices; the batch, channels and side of a large convolution."""


class Clock:
    """Seconds of the wall and of the processor, of what is done within ``running``.

    On one thread the processor's seconds are those of the work: what other programs do at the same time counts little.
    On several they count threads that wait for each other too, and on a GPU they count nothing; the wall's are then the
    ones to read.
    """

    wall = processor = 0.0

    def __init__(self, device: torch.device = CPU) -> None:
        self._on_gpu = device.type == "cuda"

    @contextmanager
    def running(self) -> Iterator[None]:
        self._wait()
        wall, processor = time.perf_counter(), time.process_time()
        yield
        self._wait()
        self.wall, self.processor = time.perf_counter() - wall, time.process_time() - processor

    @property
    def seconds(self) -> float:
        return self.wall if self._on_gpu or torch.get_num_threads() > 1 else self.processor

    def _wait(self) -> None:
        if self._on_gpu:
            torch.cuda.synchronize()


def peaks(rounds: int = 5, device: torch.device = CPU) -> dict[str, dict[str, float]]:
    """Floating-point operations a second of a large matrix product and a large convolution, the best of some rounds.

    In float32 a GPU multiplies as PyTorch does by itself: convolutions in TF32, matrices in float32.
    """
    side, (batch, channels, edge) = SIZES[device.type]
    works = {
        name: (_product(device, dtype, side), _convolution(device, dtype, batch, channels, edge))
        for name, dtype in PRECISIONS.items()
    }
    return {
        name: {"matrix product": _rate(device, rounds, *product), "convolution": _rate(device, rounds, *convolution)}
        for name, (product, convolution) in works.items()
    }


def _rate(device: torch.device, rounds: int, work: Callable[[], object], operations: float) -> float:
    work()
    seconds = []
    for _ in range(rounds):
        clock = Clock(device)
        with clock.running():
            work()
        seconds.append(clock.seconds)
    return operations / min(seconds)


def _product(device: torch.device, dtype: torch.dtype, side: int) -> Work:
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    return lambda: a @ b, 2.0 * side**3


def _convolution(device: torch.device, dtype: torch.dtype, batch: int, channels: int, side: int) -> Work:
    x = torch.rand(batch, channels, side, side, device=device).to(dtype, memory_format=torch.channels_last)
    weight = torch.rand(channels, channels, 3, 3, device=device).to(dtype, memory_format=torch.channels_last)
    return lambda: F.conv2d(x, weight, padding=1), 2.0 * batch * side**2 * channels**2 * 9


def peak_memory(device: torch.device = CPU) -> int:
    """The largest memory that this process has held, of the device, in bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved()
    status = Path("/proc/self/status")
    if status.exists():  # ``getrusage`` begins with what the process held that started this one
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return 1024 * int(line.split()[1])
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else 1024 * held
