"""Code of others may do as it likes: afterwards the network and the random generators are as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from robustill.attacks.base import frozen


@contextmanager
def untouched(model: nn.Module, seed: int) -> Iterator[None]:
    """Eval mode, gradients allowed, every global generator at ``seed``; and whatever happened, all as before.

    Restored are the modes, parameters and buffers with their values, ``.grad`` and ``requires_grad``, and the states
    of Python's, NumPy's and PyTorch's generators.
    """
    tensors = [_Kept(tensor) for tensor in (*model.parameters(), *model.buffers())]
    modules = [(module, dict(module._parameters), dict(module._buffers)) for module in model.modules()]
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with frozen(model), torch.random.fork_rng(devices), torch.enable_grad():
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        for module, parameters, buffers in modules:  # ``model.half()`` puts other buffers there
            module._parameters.update(parameters)
            module._buffers.update(buffers)
        for kept in tensors:
            kept.put_back()


class _Kept:
    """A parameter or buffer and what it held."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.data, self.requires_grad = tensor, tensor.data, tensor.requires_grad
        self.value = tensor.detach().clone()
        self.grad = None if tensor.grad is None else tensor.grad.clone()

    def put_back(self) -> None:
        self.tensor.grad = None  # it may be of another type by now
        self.data.copy_(self.value)
        self.tensor.data = self.data
        self.tensor.requires_grad_(self.requires_grad)
        self.tensor.grad = self.grad
