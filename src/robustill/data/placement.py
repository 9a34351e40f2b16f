"""Where the images of a split are kept: all in memory, or where they are stored, to be read as they are needed."""

from __future__ import annotations

import sys

import torch

from robustill.data.memory import SHARE, fits
from robustill.data.split import Split


def place(split: Split, name: str, *, stream: bool | None = None, device: torch.device | str = "cpu") -> Split:
    """The split in memory or streaming, as ``stream`` says; None decides by its size, here and on ``device``.

    That it streams where nobody has said so is told on stderr, under the ``name``.
    """
    if stream is None:
        stream = not (fits(split.nbytes) and fits(split.nbytes, device))
        if stream:
            print(
                f"{name}: {len(split):,} images take {split.nbytes / 1e9:,.1f} GB, more than {SHARE:.0%} of the free "
                "memory: each is read when it is needed. --stream false would keep them all in memory.",
                file=sys.stderr,
            )
    return split.streaming() if stream else split.resident()
