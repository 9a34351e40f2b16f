"""What a forward does, seen from outside: draws, batch statistics, dropout, gradients of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from robustill.types import Images

DROPOUTS = (
    F.dropout,
    F.dropout1d,
    F.dropout2d,
    F.dropout3d,
    F.alpha_dropout,
    F.feature_alpha_dropout,
)
DRAWS = (
    torch.rand,
    torch.randn,
    torch.randint,
    torch.randperm,
    torch.rand_like,
    torch.randn_like,
    torch.randint_like,
    torch.normal,
    torch.bernoulli,
    torch.multinomial,
    torch.poisson,
    Tensor.uniform_,
    Tensor.normal_,
    Tensor.bernoulli_,
    Tensor.random_,
    Tensor.bernoulli,
    Tensor.multinomial,
)
BACKWARDS = (torch.autograd.grad, torch.autograd.backward, Tensor.backward)


@dataclass
class Seen:
    """Counts of one forward.

    Attributes:
        dropout: calls of a dropout that drops.
        batch_statistics: batch normalisations by the mean and variance of the batch.
        gradients: gradients that the forward itself asked for.
        draws: names of the functions that drew random numbers, dropout apart.
    """

    dropout: int = 0
    batch_statistics: int = 0
    gradients: int = 0
    draws: set[str] = field(default_factory=set)


def watch(model: nn.Module, x: Images) -> Seen:
    """One forward, watched. The model's mode and whether gradients are recorded are the caller's."""
    seen = Seen()
    with _Functions(seen):
        model(x)
    return seen


class _Functions(TorchFunctionMode):
    """Sees functions as they are called: here an InstanceNorm is not yet a BatchNorm over a reshaped batch."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in DROPOUTS:
            self.seen.dropout += _training(func, args, kwargs)
        elif func is F.batch_norm:
            self.seen.batch_statistics += _training(func, args, kwargs)
        elif func in BACKWARDS:
            self.seen.gradients += 1
        elif func in DRAWS:
            self.seen.draws.add(func.__name__)
        return func(*args, **kwargs)


def _training(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    given = inspect.signature(func).bind(*args, **kwargs)
    given.apply_defaults()
    return bool(given.arguments["training"])
