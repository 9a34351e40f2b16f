"""Three-by-three convolutions with half the multiplications: Winograd's F(4, 3) along the height [1]_.

A row of the output is a sum of three rows of the input times a row of the filter each, so four rows take twelve
products, each of which is a convolution along the width. Six are enough: of six combinations of the input's rows ``d``
that the four see with six of the filter's ``g``,

    y = Aᵀ [(G g) ⊙ (Bᵀ d)].

Combining rows takes additions, of which wide layers make few beside their products. The rounding error is about twice
that of the plain convolution. In bfloat16 it would be several times as large, so there nothing is combined.

.. [1] Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016; the points are 0, ±1, ±2, ∞.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from robustill.folding import compiled

G = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 4),  # usually 1, and the last row of Bᵀ four times as large
)

ROWS = 4
"""So many rows of the output are made together."""

CHANNELS = 64
"""The least that go in and come out of a layer for which it pays."""

BYTES = 2**20
"""The least that the maps must have: with fewer the many small operations take longer than is saved."""

PORTION = 2**22
"""So many bytes of maps are worked on at once: their combinations stay in a processor's caches."""

Rows = Sequence[Tensor]
"""Every fourth row of some maps, from the first, the second, the third and the fourth on."""

Products = Sequence[Tensor]
"""The six maps that are multiplied with the six taps, or come of it."""


@contextmanager
def shortened(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Within, 3x3 convolutions of stride 1 and ``CHANNELS`` or more multiply half as often on a CPU, if their maps have
    ``BYTES`` or more, channels last and a height that ``ROWS`` divides; afterwards all is as before.

    For searches, which change the image and not the network: the weights are those at the entry. A layer whose weights
    are to get gradients, or which computes in bfloat16, convolves as ever.
    """
    found = (layer for network in networks if not compiled(network) for layer in network.modules())
    layers = [layer for layer in found if isinstance(layer, nn.Conv2d) and _suits(layer)]
    try:
        for layer, taps in zip(layers, _taps([layer.weight.detach() for layer in layers]), strict=True):
            shorter = partial(_convolve, layer._conv_forward, layer.weight, taps)
            layer._conv_forward = shorter  # type: ignore[method-assign]  # of this layer, for now
        yield
    finally:
        for layer in layers:
            vars(layer).pop("_conv_forward", None)


def _suits(layer: nn.Conv2d) -> bool:
    return (
        min(layer.in_channels, layer.out_channels) >= CHANNELS
        and layer.kernel_size == (3, 3)
        and layer.stride == layer.padding == layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and layer.weight.device.type == "cpu"
        and layer.weight.dtype in (torch.float32, torch.float64)
        and torch.backends.mkldnn.is_available()  # whose convolutions along the width are as fast as its plain ones
    )


def _convolve(
    plain: Callable[..., Tensor], known: Tensor, taps: Products, x: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    constant = weight is known and not (torch.is_grad_enabled() and weight.requires_grad)
    alike = x.dtype == weight.dtype and not torch.is_autocast_enabled(x.device.type)
    plainly = not torch._C._functorch.is_functorch_wrapped_tensor(x)  # as in an attack made with torch.func
    suits = x.nbytes >= BYTES and x.shape[2] % ROWS == 0 and x.is_contiguous(memory_format=torch.channels_last)
    if constant and alike and plainly and suits:
        return _Convolution.apply(x, bias, taps, False)  # type: ignore[no-any-return, no-untyped-call]
    return plain(x, weight, bias)


def _taps(weights: Sequence[Tensor]) -> Iterator[Products]:
    """``G g``, of one row each; all in one block of memory, which leaves no gaps when it is given back."""
    memory = torch.empty(sum(2 * weight.nbytes for weight in weights), dtype=torch.uint8)  # six rows instead of three
    for weight, block in zip(weights, memory.split([2 * weight.nbytes for weight in weights]), strict=True):
        out, channels, _, width = weight.shape
        taps = block.view(weight.dtype).view(6, out, 1, width, channels).permute(0, 1, 4, 2, 3)  # channels last
        top, middle, bottom = weight.split(1, dim=2)
        for tap, (x, y, z) in zip(taps, G, strict=True):
            torch.mul(top, x, out=tap).add_(middle, alpha=y).add_(bottom, alpha=z)
        yield taps.unbind()


class _Convolution(torch.autograd.Function):
    """Linear in the maps, so its gradient is its transpose, and the gradient of that is the convolution again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, taps: Products, transposed: bool) -> Tensor:
        ctx.taps, ctx.transposed = taps, transposed
        channels = taps[0].shape[1 if transposed else 0]
        result = x.new_empty(len(x), *x.shape[2:], channels).permute(0, 3, 1, 2)
        work = _backward if transposed else partial(_forward, bias=bias)
        images = max(PORTION * len(x) // max(x.nbytes, 1), 1)
        for some, out in zip(x.split(images), result.split(images), strict=True):
            work(_rows(some), taps, _rows(out))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return _Convolution.apply(gradient, None, ctx.taps, not ctx.transposed), None, None, None  # type: ignore[no-untyped-call]


def _rows(maps: Tensor) -> Rows:
    return [maps[:, :, row::ROWS] for row in range(ROWS)]


def _forward(x: Rows, taps: Products, y: Rows, bias: Tensor | None) -> None:
    a, b, c, d = x  # of the six rows that four of y see the inner ones; before a comes the last d, after d the next a
    first, last = torch.sub(d, b, alpha=5), torch.sub(a, c, alpha=1.25)
    first[:, :, 1:].add_(d[:, :, :-1], alpha=4)
    last[:, :, :-1].add_(a[:, :, 1:], alpha=0.25)
    inner = _sum_and_difference(torch.sub(d, b, alpha=4), torch.sub(c, a, alpha=4))
    outer = _sum_and_difference(d - b, c - a, 2)

    biases = (None, bias, None, None, None, None)  # what is added to the second product is added to every row
    products = (first, *inner, *outer, last)
    first, p, q, r, s, last = (F.conv2d(*three, padding=(0, 1)) for three in zip(products, taps, biases, strict=True))
    (even, odd), (even_2, odd_2) = _sum_and_difference(p, q), _sum_and_difference(r, s)
    a, b, c, d = y
    torch.add(even, even_2, out=a).add_(first)
    torch.add(odd, odd_2, alpha=2, out=b)
    torch.add(even, even_2, alpha=4, out=c)
    torch.add(odd, odd_2, alpha=8, out=d).add_(last)


def _backward(dy: Rows, taps: Products, dx: Rows) -> None:
    """The transpose of ``_forward``, from its end to its beginning."""
    a, b, c, d = dy
    inner = _sum_and_difference(a + c, b + d)
    outer = _sum_and_difference(torch.add(a, c, alpha=4), torch.add(b, d, alpha=4), 2)

    products = (a, *inner, *outer, d)
    first, p, q, r, s, last = (F.conv_transpose2d(*both, padding=(0, 1)) for both in zip(products, taps, strict=True))
    (even, odd), (even_2, odd_2) = _sum_and_difference(p, q), _sum_and_difference(r, s)
    a, b, c, d = dx
    torch.sub(last, odd, alpha=4, out=a).sub_(odd_2, alpha=2)
    torch.add(even_2, even, alpha=4, out=b).add_(first, alpha=5).neg_()
    torch.add(odd, odd_2, alpha=2, out=c).sub_(last, alpha=1.25)
    torch.add(even, even_2, out=d).add_(first)
    a[:, :, 1:].add_(last[:, :, :-1], alpha=0.25)
    d[:, :, :-1].add_(first[:, :, 1:], alpha=4)


def _sum_and_difference(x: Tensor, y: Tensor, factor: int = 1) -> tuple[Tensor, Tensor]:
    """Of ``x`` and ``factor`` times ``y``; the difference takes the place of ``x``."""
    return torch.add(x, y, alpha=factor), x.sub_(y, alpha=factor)
