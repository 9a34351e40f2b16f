"""``torch.compile`` for the networks of training steps."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from robustill.training.step import Descend, Descent
from robustill.wording import first_line

WAYS = 64
"""In how many ways networks may be asked before they are no longer compiled: by mode, gradient and size of batch."""


class Compiled:
    """A descent in which the networks are compiled; outside of it they are what they were.

    Each way in which it asks one, and each size of batch, becomes a graph of its own when it first comes. Evaluation,
    with batches of every size, is better off without: it would be compiling all the time.

    Args:
        descend: from images, labels, progress and generator to a descent.
        networks: whose forwards it calls.
    """

    def __init__(self, descend: Descend, networks: Iterable[nn.Module]) -> None:
        self._descend = descend
        self._compiled = [(network, torch.compile(network.forward, dynamic=False)) for network in networks]
        torch._dynamo.config.recompile_limit = max(WAYS, torch._dynamo.config.recompile_limit)
        # Training multiplies in bfloat16, or as PyTorch does by itself: no reason to recommend TF32.
        warnings.filterwarnings("ignore", "TensorFloat32 tensor cores", UserWarning)

    def __call__(self, *batch: Any, **options: Any) -> Descent:
        with self._in_place():
            return self._descend(*batch, **options)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        before = [vars(network).get("forward") for network, _ in self._compiled]
        for network, forward in self._compiled:
            network.forward = forward
        try:
            yield
        finally:
            for (network, _), own in zip(self._compiled, before, strict=True):
                del network.forward  # which leaves that of its class
                if own is not None:
                    network.forward = own


def compiler_problem(device: torch.device) -> str:
    """Why ``torch.compile`` does not work here, in words; nothing where it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.compile(lambda x: (2 * x).relu().sum())(torch.ones(8, device=device))
    except Exception as error:  # a missing compiler, a wrong one, missing headers: each has an error of its own
        return f"not compiled: PyTorch's compiler does not work here ({type(error).__name__}: {first_line(error)})"
    return ""
