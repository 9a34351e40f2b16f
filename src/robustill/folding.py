"""BatchNorm as part of the convolution before it, for passes in eval mode: the same logits with less to read and write.

    γ (w * x - μ) / √(σ² + ε) + β  =  (s w) * x + (β - s μ),        s = γ / √(σ² + ε)

Which BatchNorm follows which convolution, and nothing else does, is found by watching one image on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from robustill.types import Images

Pair = tuple[nn.Conv2d, nn.BatchNorm2d]

TOLERANCE = 1e-4
"""How far folded logits may be off, relative to the largest: folding changes the order of roundings, no more."""

_found: WeakKeyDictionary[nn.Module, tuple[Pair, ...]] = WeakKeyDictionary()


@contextmanager
def folded(networks: Iterable[nn.Module], x: Images) -> Iterator[None]:
    """Within, each BatchNorm that follows a convolution is part of it, as in eval mode; afterwards all is as before.

    For searches, which change the image and not the network: the weights are those at the entry, and get no gradients.
    A layer without which a network would answer otherwise stays as it is.

    Args:
        networks: in any mode; within, they must be used in eval mode only.
        x: images of the kind that they will see. At the first, each network is watched the first time it is folded.
    """
    with _folded([pair for network in networks for pair in _pairs(network, x[:1])]):
        yield


def _pairs(network: nn.Module, x: Images) -> tuple[Pair, ...]:
    """What of a network is folded now; nothing where somebody listens to its layers."""
    layers = set(network.modules())
    if any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers - {network}):
        return ()
    pairs = _found.get(network)
    if pairs is None or not {layer for pair in pairs for layer in pair} <= layers:
        pairs = _found[network] = _checked_pairs(network, x)
    return pairs


@contextmanager
def _folded(pairs: Sequence[Pair]) -> Iterator[None]:
    before = [(conv, conv.weight, conv.bias) for conv, _ in pairs]
    try:
        for conv, norm in pairs:
            weight, bias = _joined(conv, norm)
            conv.weight, conv.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
            norm.forward = _through  # type: ignore[method-assign, assignment]  # of this layer, for now
        yield
    finally:
        for (conv, its_weight, its_bias), (_, norm) in zip(before, pairs, strict=True):
            conv.weight, conv.bias = its_weight, its_bias
            vars(norm).pop("forward", None)


def _joined(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that does what both do."""
    assert norm.running_mean is not None and norm.running_var is not None
    with torch.no_grad():
        scale = torch.rsqrt(norm.running_var + norm.eps)
        scale = scale if norm.weight is None else scale * norm.weight
        shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
        bias = scale * shift if norm.bias is None else scale * shift + norm.bias
        return conv.weight * scale[:, None, None, None], bias


def _through(x: Tensor) -> Tensor:
    return x


def _checked_pairs(network: nn.Module, x: Images) -> tuple[Pair, ...]:
    """The pairs of a network that leave its logits as they are."""
    candidates = [layer for layer in network.modules() if _simple(layer)]
    if not any(isinstance(layer, nn.BatchNorm2d) for layer in candidates):
        return ()
    with _asked(network):
        pairs, expected = _watched(network, candidates, x)

        def agrees(chosen: tuple[Pair, ...]) -> bool:
            with _folded(chosen):
                error = (network(x) - expected).abs().max()
            return bool(error <= TOLERANCE * expected.abs().max())

        if not agrees(pairs):  # what a convolution gives may go elsewhere too: past the BatchNorm, to a shortcut
            pairs = tuple(pair for pair in pairs if agrees((pair,)))
        return pairs if agrees(pairs) else ()


def _simple(layer: nn.Module) -> bool:
    """Whether a layer may take part: a convolution whose weights are its own, a BatchNorm with running averages."""
    if isinstance(layer, nn.BatchNorm2d):
        return layer.running_mean is not None and layer.running_var is not None
    return isinstance(layer, nn.Conv2d) and {"weight", "bias"} <= layer._parameters.keys()


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


def _watched(network: nn.Module, layers: list[nn.Module], x: Images) -> tuple[tuple[Pair, ...], Tensor]:
    """Each BatchNorm that got the very tensor which a convolution gave, both of them called once; and the logits."""
    given: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # by identity; the tensor is kept, so that no other can take it
    calls, pairs = Counter[nn.Module](), list[Pair]()

    def watch(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls[layer] += 1
        if isinstance(layer, nn.Conv2d):
            given[id(output)] = layer, output
        elif isinstance(layer, nn.BatchNorm2d) and id(inputs[0]) in given:
            pairs.append((given[id(inputs[0])][0], layer))

    with ExitStack() as hooks:
        for layer in layers:
            hooks.callback(layer.register_forward_hook(watch).remove)
        logits = network(x)
    followers = Counter(conv for conv, _ in pairs)
    return tuple((c, n) for c, n in pairs if calls[c] == calls[n] == followers[c] == 1), logits
