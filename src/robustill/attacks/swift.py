"""A copy of a network that gives the same logits sooner: for searches that ask it some thousand times an image."""

from __future__ import annotations

import copy
import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from robustill.attacks.search import PORTION
from robustill.attacks.stem import Stem
from robustill.types import Images

TOLERANCE = 1e-4
"""How far the copy's logits may be off, relative to the largest: folding changes the order of roundings, no more."""


MAPS = 2**23
"""Up to so many bytes of the largest layer's maps, more images at once are sooner done than fewer."""


def swift(model: nn.Module, x: Images) -> nn.Module:
    """A copy in eval mode with channels last in memory, each BatchNorm folded into the convolution before it, each ReLU
    done in place, and on a CPU the image's gradient made in blocks.

    The model itself where its code cannot be traced, where it holds hooks that a copy would not call, or where the
    copy's logits of ``x`` are not the model's. A search may use the copy; what it finds is for the model to judge.
    """
    if not len(x) or any(module._forward_hooks or module._forward_pre_hooks for module in model.modules()):
        return model
    try:
        held = copy.deepcopy(model).eval()
        traced = fx.GraphModule(held, _Tracer().trace(held))
        _fold(traced)
        _rectify_in_place(traced)
        if x.device.type == "cpu":
            _differentiate_in_blocks(traced)
        traced.recompile()
        traced.delete_all_unused_submodules()
        faster: nn.Module = traced.requires_grad_(False)
        faster.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in the docs, not in the stubs
        with torch.no_grad():
            faster.portion = _portion(traced, x)  # type: ignore[assignment]  # what is no tensor is a plain attribute
            expected, found = model(x), faster.forward(x)  # called, an fx module prints what goes wrong
    except Exception:  # whatever a stranger's network does when it is traced, the network itself is at hand
        return model
    return faster if close(found, expected) else model


def _portion(traced: fx.GraphModule, x: Images) -> int:
    """On how many images it works at once: where they are small, the fixed cost of a pass counts."""
    watch = _Watch(traced)
    watch.run(x[:1])
    return min(max(MAPS // watch.largest, PORTION), 2 * PORTION)


class _Watch(fx.Interpreter):
    """Makes a pass and remembers the bytes of the largest feature map."""

    largest = 1

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.largest = max(self.largest, result.nbytes)
        return result


class _Tracer(fx.Tracer):
    """Looks into modules that hold others. One that holds none is a step of its own, and may look at its input."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not isinstance(m, nn.Sequential) and next(m.children(), None) is None


def _fold(traced: fx.GraphModule) -> None:
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
            continue
        before = node.args[0]
        if before.op != "call_module" or type(modules[before.target]) is not nn.Conv2d or len(before.users) > 1:
            continue
        folded = fuse_conv_bn_eval(modules[before.target], modules[node.target])
        traced.set_submodule(before.target, folded)
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)


def _rectify_in_place(traced: fx.GraphModule) -> None:
    """A ReLU overwrites what it is given, if that is a tensor of its own and nothing else reads it."""
    for node in list(traced.graph.nodes):
        if not _is(node, nn.ReLU, (F.relu, torch.relu)):
            continue
        given = node.args[0]
        if len(given.users) == 1 and _is(given, nn.Conv2d, (operator.add, torch.add)):
            with traced.graph.inserting_after(node):
                node.replace_all_uses_with(traced.graph.call_function(torch.relu_, (given,)))
            traced.graph.erase_node(node)


def _differentiate_in_blocks(traced: fx.GraphModule) -> None:
    for name, layer in list(traced.named_modules()):
        if Stem.suits(layer):
            traced.set_submodule(name, Stem(layer))


def _is(node: fx.Node, module: type[nn.Module], functions: tuple[object, ...]) -> bool:
    if node.op == "call_module":
        return isinstance(node.graph.owning_module.get_submodule(str(node.target)), module)  # type: ignore[union-attr]
    return node.op == "call_function" and node.target in functions


def close(found: Tensor, expected: Tensor) -> bool:
    """Whether logits are the same up to rounding."""
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max())
