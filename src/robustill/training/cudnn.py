"""Convolutions by the algorithms that cuDNN finds fastest."""

from __future__ import annotations

from typing import Any

import torch

from robustill.training.step import Descend, Descent


def benchmarked(descend: Descend) -> Descend:
    """A descent in which cuDNN times its algorithms for each new size and takes the fastest; elsewhere it does not.

    What it takes may differ from run to run, and with it the last bits of what is computed.
    """

    def run(*batch: Any, **options: Any) -> Descent:
        before = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = True
        try:
            return descend(*batch, **options)
        finally:
            torch.backends.cudnn.benchmark = before

    return run
