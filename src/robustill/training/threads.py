"""How many CPU threads to compute on, measured."""

from __future__ import annotations

import time
from functools import cache
from statistics import median

import torch
from torch.nn import functional as F

ROUNDS, SECONDS = 7, 1.0
"""How often each number is tried, and when no more rounds are begun: on a busy machine threads may stall."""

WORTH = 0.9
"""More threads are taken where the same work is done in less than this share of the time."""


@cache
def choose_threads() -> int:
    """The number of threads that does a convolution and its gradient soonest, of 1, 2, 4, ... and PyTorch's own choice.

    Other programs on the machine count: where they keep the cores busy, threads wait for each other, and one is best.
    All numbers are tried in turns. Measured once in a process.
    """
    most = torch.get_num_threads()
    candidates = sorted({2**k for k in range(most.bit_length())} | {most})
    if most == 1:
        return 1
    x, weight = torch.rand(128, 32, 16, 16), torch.rand(32, 32, 3, 3)
    x = x.to(memory_format=torch.channels_last).requires_grad_()
    seconds: dict[int, list[float]] = {threads: [] for threads in candidates}
    start = time.perf_counter()
    for _ in range(ROUNDS):
        if seconds[most] and time.perf_counter() - start > SECONDS:
            break
        for threads in candidates:
            torch.set_num_threads(threads)
            began = time.perf_counter()
            torch.autograd.grad(F.conv2d(x, weight, padding=1).relu().sum(), x)
            seconds[threads].append(time.perf_counter() - began)
    torch.set_num_threads(most)
    best = 1
    for threads in candidates:
        if median(seconds[threads]) < WORTH * median(seconds[best]):
            best = threads
    return best
