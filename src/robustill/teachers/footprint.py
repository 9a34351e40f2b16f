"""What a teacher costs on this machine: time and memory for a batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustill.attacks.base import cross_entropy, frozen
from robustill.types import Images, Labels

TRIALS = 3
"""How often a pass is timed, after one that is not."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Of a batch of ``batch`` images, in eval mode and float32.

    Attributes:
        forward: seconds of a forward, the fastest of a few.
        step: seconds of a forward and a backward to the images, as a step of an attack on the teacher takes.
        weights: bytes of parameters and buffers.
        kept: bytes that such a forward keeps for its backward, the workspace of single layers not counted.
    """

    batch: int
    forward: float
    step: float
    weights: int
    kept: int


def footprint(model: nn.Module, x: Images, y: Labels) -> Footprint:
    """Measures the passes of one batch; the model is left as it was."""
    with frozen(model):
        return Footprint(
            batch=len(x),
            forward=_seconds(lambda: _forward(model, x)),
            step=_seconds(lambda: _step(model, x, y)),
            weights=sum(value.numel() * value.element_size() for value in model.state_dict().values()),
            kept=_kept(model, x, y),
        )


def _forward(model: nn.Module, x: Images) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(x)
    return logits


def _step(model: nn.Module, x: Images, y: Labels) -> Tensor:
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(model, x, y).sum(), x)
    return gradient


def _seconds(passes: Callable[[], Tensor]) -> float:
    trials = []
    for _ in range(TRIALS + 1):
        began = time.perf_counter()
        passes().sum().item()  # waits for the device
        trials.append(time.perf_counter() - began)
    return min(trials[1:])


def _kept(model: nn.Module, x: Images, y: Labels) -> int:
    """The memory of all tensors that autograd saves, each counted once, the weights among them left out."""
    found: dict[int, int] = {}

    def note(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        found[storage.data_ptr()] = storage.nbytes()
        return saved

    with torch.autograd.graph.saved_tensors_hooks(note, lambda saved: saved):
        _step(model, x, y)
    weights = {value.untyped_storage().data_ptr() for value in (*model.parameters(), *model.buffers())}
    return sum(size for place, size in found.items() if place not in weights)
