"""Gradient checkpointing: feature maps that are computed again when their gradient is due, and not kept until then."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from robustill.types import Images, Logits


class Checkpointed(nn.Module):
    """The same network. Of a pass in train mode it keeps the images and the logits, and not what is between them.

    The second forward draws the noise of the first (dropout) and leaves the buffers (BatchNorm's averages) as they are.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Images) -> Logits:
        trained = self.network.training and any(parameter.requires_grad for parameter in self.network.parameters())
        if not (trained and torch.is_grad_enabled()):
            return self.network(x)  # type: ignore[no-any-return]
        return checkpoint(self.network, x, use_reentrant=False, context_fn=partial(_contexts, self.network))  # type: ignore[no-any-return]


def require_not_compiled(gradient_checkpointing: bool, compile: bool) -> None:
    """Refuses networks that are compiled too.

    Raises:
        ValueError: both are asked for.
    """
    if gradient_checkpointing and compile:
        raise ValueError(
            "gradient_checkpointing needs networks that are not compiled, because PyTorch computes feature maps again "
            "without its compiler. Found: compile=True. Leave one of the two out."
        )


def _contexts(network: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of the first forward and of those after it: a second derivative needs another."""
    return nullcontext(), _OtherBuffers(network)


class _OtherBuffers(AbstractContextManager[None]):
    """Within, a network changes copies of its buffers."""

    def __init__(self, network: nn.Module) -> None:
        self._buffers = [layer._buffers for layer in network.modules()]

    def __enter__(self) -> None:
        self._before = [dict(buffers) for buffers in self._buffers]
        for buffers in self._buffers:
            buffers.update({name: None if held is None else held.clone() for name, held in buffers.items()})

    def __exit__(self, *error: object) -> None:
        for buffers, before in zip(self._buffers, self._before, strict=True):
            buffers.update(before)
