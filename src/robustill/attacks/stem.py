"""The input gradient of a convolution of few channels, such as the one that sees the image.

At pixel F q + r of a block of F pixels it is, for a stride s, a padding p and both axes alike,

    dx[c, F q + r]  =  sum over o and d of  dy[o, (F/s) q + d] · w[o, c, r + p - s d],

which is one convolution of dy, whose F² C outputs are the pixels of a block. Made pixel by pixel it has C outputs, the
three of an image, and leaves most of a processor's vector empty.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

CHANNELS = 4
"""The most of an image that is worth it."""

OUTPUTS = 12
"""So many at least fill a vector; larger blocks only multiply by more zeros."""


class Stem(nn.Conv2d):
    """A convolution that finds its input gradient block by block. For searches: its weights get none.

    Args:
        conv: whose weights it takes, as they are now. ``Stem.suits`` it.
    """

    taps: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        assert not isinstance(conv.padding, str)
        (kernel, _), (stride, _), (padding, _) = conv.kernel_size, conv.stride, conv.padding
        super().__init__(conv.in_channels, conv.out_channels, kernel, stride, padding, device="meta")
        self.weight, self.bias = conv.weight, conv.bias
        sides = range(stride, OUTPUTS * stride, stride)
        self.block = next(side for side in sides if side**2 * conv.in_channels >= OUTPUTS)
        self.step = self.block // stride
        self.first, self.last = -((kernel - 1 - padding) // stride), (self.block - 1 + padding) // stride
        reach = self.last - self.first + 1
        taps = conv.weight.new_zeros(conv.in_channels, self.block, self.block, conv.out_channels, reach, reach)
        pairs = [  # of a pixel of the block and a neighbour of it in dy: which tap is between them
            (r, d - self.first, r + padding - stride * d)
            for r, d in product(range(self.block), range(self.first, self.last + 1))
            if 0 <= r + padding - stride * d < kernel
        ]
        for (r, d, tap), (s, e, other) in product(pairs, pairs):
            taps[:, r, s, :, d, e] = conv.weight.detach()[:, :, tap, other].T
        self.register_buffer("taps", taps.flatten(0, 2), persistent=False)

    @staticmethod
    def suits(layer: nn.Module) -> bool:
        """Whether it is a plain convolution of few channels, the same on both axes."""
        return (
            type(layer) is nn.Conv2d
            and layer.in_channels <= CHANNELS
            and layer.groups == 1
            and layer.padding_mode == "zeros"
            and not isinstance(layer.padding, str)
            and set(layer.dilation) == {1}
            and all(len(set(both)) == 1 for both in (layer.kernel_size, layer.stride, layer.padding))
        )

    def forward(self, x: Tensor) -> Tensor:
        return _Convolved.apply(x, self) if x.requires_grad else super().forward(x)  # type: ignore[no-untyped-call]

    def gradient(self, dy: Tensor, height: int, width: int) -> Tensor:
        """Of images of this size, from the gradient of the maps."""
        (top, rows, above), (left, columns, before) = (
            self._extent(side, maps) for side, maps in zip((height, width), dy.shape[2:], strict=True)
        )
        blocks = F.conv2d(dy, self.taps, stride=self.step, padding=(top, left))
        blocks = blocks[:, :, above : above + rows, before : before + columns]
        dx = dy.new_empty(len(dy), self.in_channels, rows * self.block, columns * self.block)
        for channel, (r, s) in enumerate(product(range(self.block), repeat=2)):
            dx[:, :, r :: self.block, s :: self.block] = blocks[:, channel :: self.block**2]
        return dx[:, :, :height, :width]

    def _extent(self, side: int, maps: int) -> tuple[int, int, int]:
        """Along an axis: the padding of dy, how many blocks there are, and how many too many come before them."""
        blocks = -(-side // self.block)
        padding = max(-self.first, self.step * (blocks - 1) + self.last - (maps - 1), 0)
        padding += -(padding + self.first) % self.step
        return padding, blocks, (padding + self.first) // self.step


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stem: Stem) -> Tensor:
        ctx.stem, ctx.size = stem, x.shape[2:]
        return F.conv2d(x, stem.weight, stem.bias, stem.stride, stem.padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return ctx.stem.gradient(dy, *ctx.size), None
