"""The layers that every family of networks here shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Normalize(nn.Module):
    """``(x - mean) / std`` for each channel; without constants, the identity.

    The constants are buffers that stay out of the state dict, so that the keys of a checkpoint are those of the
    network.

    Raises:
        ValueError: the constants do not go together (see :func:`require_constants`), or, in use, do not fit the images.
    """

    mean: Tensor | None
    std: Tensor | None

    def __init__(self, mean: Sequence[float] | None = None, std: Sequence[float] | None = None) -> None:
        super().__init__()
        require_constants(mean, std)
        self.register_buffer("mean", _per_channel(mean), persistent=False)
        self.register_buffer("std", _per_channel(std), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.mean is None or self.std is None:
            return x
        if x.shape[1] != len(self.mean):  # one grey channel would broadcast to three, silently
            raise ValueError(
                f"The network normalises {len(self.mean)} channels; found images of shape {tuple(x.shape)}."
            )
        return (x - self.mean) / self.std

    def extra_repr(self) -> str:
        return "identity" if self.mean is None else f"channels={len(self.mean)}"


def require_constants(mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
    """Refuses normalisation constants that do not go together.

    Raises:
        ValueError: says what is wrong with them.
    """
    if mean is None and std is None:
        return
    if mean is None or std is None:
        raise ValueError(f"Normalisation needs mean and std together; found mean={mean}, std={std}.")
    if len(mean) != len(std):
        raise ValueError(f"mean and std need one number for each channel; found {len(mean)} and {len(std)}.")
    if not all(value > 0 for value in std):
        raise ValueError(f"Every std must be positive; found std={tuple(std)}.")


def _per_channel(values: Sequence[float] | None) -> Tensor | None:
    return None if values is None else torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)


def float32_or_wider(dtype: torch.dtype) -> torch.dtype:
    """float32 for the half precisions, and the type itself for float32 and float64."""
    return torch.promote_types(dtype, torch.float32)


class GlobalAverage(nn.Module):
    """The mean of each channel over all positions, ``[batch, channels]``, in float32 even under bfloat16 autocast.

    The gradient has the maps' own layout in memory. That of a plain mean over (2, 3) never has channels last, and what
    multiplies it with such maps afterwards takes several times as long.
    """

    def forward(self, x: Tensor) -> Tensor:
        dtype = float32_or_wider(x.dtype)
        if x.is_contiguous(memory_format=torch.channels_last):
            return x.permute(0, 2, 3, 1).mean(dim=(1, 2), dtype=dtype)
        return x.mean(dim=(2, 3), dtype=dtype)


class Float32Linear(nn.Linear):
    """A linear layer that computes in float32 under autocast too (float64 stays float64).

    For the last layer: IGDM subtracts logits that nearly agree, and bfloat16 keeps only eight bits of each.
    """

    def forward(self, input: Tensor) -> Tensor:
        dtype = float32_or_wider(self.weight.dtype)
        bias = None if self.bias is None else self.bias.to(dtype)
        # The meta device has no autocast and refuses the context.
        with nullcontext() if input.is_meta else torch.autocast(input.device.type, enabled=False):
            return F.linear(input.to(dtype), self.weight.to(dtype), bias)

    @classmethod
    def sharing(cls, layer: nn.Linear) -> Float32Linear:
        """The same layer, weights shared, that computes in float32."""
        result = cls(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
        result.weight, result.bias = layer.weight, layer.bias
        return result


class SameConv2d(nn.Conv2d):
    """A 3x3 convolution without bias, padded like TensorFlow's ``SAME``: to ``ceil(size / stride)`` positions.

    At stride 2 an even size is padded by 0 before and 1 after, which an ``nn.Conv2d`` cannot say. DeepMind's networks
    were written so.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, 3, stride=stride, padding=1 if stride == 1 else 0, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        if self.stride == (2, 2):
            height, width = input.shape[-2:]
            input = F.pad(input, (width % 2, 1, height % 2, 1))
        return super().forward(input)


def conv3x3(in_channels: int, out_channels: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, groups=groups, bias=False)


def conv1x1(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)


def stack(
    block: Callable[[int, int, int], nn.Module], in_channels: int, out_channels: int, blocks: int, stride: int
) -> nn.Sequential:
    """A stage of ``block(in_channels, out_channels, stride)``, of which the first alone changes the shape."""
    first = block(in_channels, out_channels, stride)
    return nn.Sequential(first, *(block(out_channels, out_channels, 1) for _ in range(blocks - 1)))
