"""Networks in eval mode with less to read, to write and to keep: BatchNorm as part of the convolution before it.

    γ (w * x - μ) / √(σ² + ε) + β  =  (s w) * x + (β - s μ),        s = γ / √(σ² + ε)

Which BatchNorm follows which convolution, and nothing else does, is found by watching one image on its way. One that
follows none becomes one multiplication and addition, whose gradient does not need the feature map that went in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, get_args
from weakref import WeakKeyDictionary

import torch
from torch import Generator, Tensor, nn

from robustill.types import Images

Norm = nn.BatchNorm2d | nn.SyncBatchNorm
"""Of one process or of several, which is the same in eval mode."""

Pair = tuple[nn.Conv2d | None, Norm]
"""A BatchNorm, and the convolution of which it becomes a part."""

TOLERANCE = 1e-4
"""How far folded logits may be off, relative to the largest: folding changes the order of roundings, no more."""

_found: WeakKeyDictionary[nn.Module, tuple[Pair, ...]] = WeakKeyDictionary()


@contextmanager
def folded(networks: Iterable[nn.Module], x: Images) -> Iterator[None]:
    """Within, BatchNorm is as in eval mode and part of the convolution before it; afterwards all is as before.

    For searches, which change the image and not the network: the weights are those at the entry, and get no gradients.
    A network that would answer otherwise stays as it is.

    Args:
        networks: in any mode; within, they must be used in eval mode only.
        x: images of the kind that they will see. At the first, each network is watched the first time it is folded.
    """
    with _folded([pair for network in networks for pair in _pairs(network, x[:1])]):
        yield


def _pairs(network: nn.Module, x: Images) -> tuple[Pair, ...]:
    """What of a network is folded now; nothing where somebody listens to its layers, or where a compiler does that."""
    layers = set(network.modules())
    heard = any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers - {network})
    if heard or compiled(network):
        return ()
    pairs = _found.get(network)
    if pairs is None or not {layer for pair in pairs for layer in pair} - {None} <= layers:
        pairs = _found[network] = _checked_pairs(network, x)
    return pairs


def compiled(network: nn.Module) -> bool:
    """Whether a compiler knows its layers: with others in their place it would begin again."""
    return "forward" in vars(network) or network._compiled_call_impl is not None


@contextmanager
def _folded(pairs: Sequence[Pair]) -> Iterator[None]:
    before = [(conv, conv.weight, conv.bias) for conv, _ in pairs if conv is not None]
    try:
        for conv, norm in pairs:
            scale, shift = _line(norm)
            if conv is None:
                norm.forward = partial(_scaled, scale[:, None, None], shift[:, None, None])  # type: ignore[method-assign]
            else:
                bias = shift if conv.bias is None else shift + scale * conv.bias.detach()
                conv.weight = _constant(conv.weight.detach() * scale[:, None, None, None])
                conv.bias = _constant(bias)
                norm.forward = _through  # type: ignore[method-assign, assignment]  # of this layer, for now
        yield
    finally:
        for _, norm in pairs:
            vars(norm).pop("forward", None)
        for conv, weight, its_bias in before:
            conv.weight, conv.bias = weight, its_bias


def _line(norm: Norm) -> tuple[Tensor, Tensor]:
    """What a BatchNorm in eval mode multiplies each channel with, and what it adds."""
    assert norm.running_mean is not None and norm.running_var is not None
    with torch.no_grad():
        scale = torch.rsqrt(norm.running_var + norm.eps)
        scale = scale if norm.weight is None else scale * norm.weight
        shift = -scale * norm.running_mean
        return scale, shift if norm.bias is None else shift + norm.bias


def _constant(value: Tensor) -> nn.Parameter:
    """As it will be used: autocast would round it anew at every pass, for it keeps copies of trainable weights only."""
    kind = value.device.type
    used = value.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else value
    return nn.Parameter(used, requires_grad=False)


def _scaled(scale: Tensor, shift: Tensor, x: Tensor) -> Tensor:
    return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))


def _through(x: Tensor) -> Tensor:
    return x


def _checked_pairs(network: nn.Module, x: Images) -> tuple[Pair, ...]:
    """Every BatchNorm of a network, with its convolution where that leaves the logits as they are."""
    kinds = get_args(Norm)
    norms: list[Norm] = [m for m in network.modules() if type(m) in kinds and m.running_mean is not None]  # type: ignore[misc]
    if not norms:
        return ()
    with _asked(network), _telling(norms):
        convolutions, expected = _watched(network, norms, x)

        def agrees(chosen: Sequence[Pair]) -> bool:
            with _folded(chosen):
                error = (network(x) - expected).abs().max()
            return bool(error <= TOLERANCE * expected.abs().max())

        pairs = tuple((convolutions.get(norm), norm) for norm in norms)
        if not agrees(pairs):  # what a convolution gives may go elsewhere too: past the BatchNorm, to a shortcut
            pairs = tuple((conv if agrees([(conv, norm)]) else None, norm) for conv, norm in pairs)
        return pairs if agrees(pairs) else ()


@contextmanager
def _asked(network: nn.Module) -> Iterator[None]:
    """Eval mode, without gradients and autocast: how a network is asked for logits to compare."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        device = next(network.parameters()).device.type
        with torch.no_grad(), torch.autocast(device, enabled=False):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _telling(norms: Sequence[Norm]) -> Iterator[None]:
    """Within, every BatchNorm changes every channel. At first it hands on nearly what it gets, or nothing at all: then
    the wrong convolution would do as well, and would not later.
    """
    held = [tensor for norm in norms for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var)]
    before = [(tensor, tensor.clone()) for tensor in held if tensor is not None]
    random = Generator().manual_seed(0)

    def around_one(like: Tensor) -> Tensor:
        return (0.5 + torch.rand(like.shape, generator=random)).to(like)

    try:
        for norm in norms:  # in proportion to what is there, so that a deep network's signal neither grows nor fades
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.addcmul_(norm.running_var.sqrt(), around_one(norm.running_mean) - 1)
            norm.running_var.mul_(around_one(norm.running_var))
            if norm.weight is not None:
                norm.weight.add_((norm.weight.abs().mean() or 1) * around_one(norm.weight))
            if norm.bias is not None:
                norm.bias.add_(around_one(norm.bias) - 1)
        yield
    finally:
        for tensor, value in before:
            tensor.copy_(value)


def _watched(network: nn.Module, norms: Sequence[Norm], x: Images) -> tuple[dict[Norm, nn.Conv2d], Tensor]:
    """The convolution that gave the very tensor which a BatchNorm got, both of them called once; and the logits."""
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and _own_weights(layer)]
    given: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # by identity; the tensor is kept, so that no other can take it
    calls, before = Counter[nn.Module](), dict[Norm, nn.Conv2d]()

    def watch(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls[layer] += 1
        if isinstance(layer, nn.Conv2d):
            given[id(output)] = layer, output
        elif isinstance(layer, Norm) and id(inputs[0]) in given:
            before[layer] = given[id(inputs[0])][0]

    with ExitStack() as hooks:
        for layer in (*convolutions, *norms):
            hooks.callback(layer.register_forward_hook(watch).remove)
        logits = network(x)
    followers = Counter(before.values())
    return {n: c for n, c in before.items() if calls[c] == calls[n] == followers[c] == 1}, logits


def _own_weights(conv: nn.Conv2d) -> bool:
    """Whether weight and bias can be exchanged: they are not made of others, as by weight normalization."""
    return {"weight", "bias"} <= conv._parameters.keys()
