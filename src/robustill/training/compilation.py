"""``torch.compile`` for the networks of a run."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch
from torch import nn

from robustill.wording import first_line


def compile_networks(networks: Iterable[nn.Module], device: torch.device) -> str:
    """Compiles networks in place; each way in which a step asks them becomes a graph when it is first asked so.

    Args:
        networks: of a run; their parameters, names and files stay what they are.
        device: where they are.

    Returns:
        Why that is not to be had here, in words, and then they are as they were; nothing where it is.
    """
    try:
        torch.compile(lambda x: (2 * x).relu().sum())(torch.ones(8, device=device))
    except Exception as error:  # a missing compiler, a wrong one, missing headers: each has an error of its own
        return f"not compiled: PyTorch's compiler does not work here ({type(error).__name__}: {first_line(error)})"
    # Training on a GPU multiplies in bfloat16, or in what PyTorch has by itself: no reason to recommend TF32.
    warnings.filterwarnings("ignore", "TensorFloat32 tensor cores", UserWarning)
    for network in networks:
        network.compile()
    return ""
