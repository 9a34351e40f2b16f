"""How much memory is free, and whether images fit."""

from __future__ import annotations

import os
from pathlib import Path

import torch

SHARE = 0.25
"""Of the free memory, what the images of one split may take: a set has two, and the networks need the rest."""

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def fits(size: int, device: torch.device | str = "cpu") -> bool:
    """Whether ``size`` bytes of images may stay in the memory of a device; true where the system does not say."""
    free = free_memory(torch.device(device))
    return free is None or size <= SHARE * free


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be had on a device: of a GPU, or of this machine or its container. None where unknown."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    known = [free for free in (_of_machine(), _of_container()) if free is not None]
    return min(known, default=None)


def _of_machine() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        pass
    try:  # macOS: all of it, for what is free is nowhere to be read without a library
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_container() -> int | None:
    try:
        return int((_GROUP / "memory.max").read_text()) - int((_GROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or "max"
        return None
