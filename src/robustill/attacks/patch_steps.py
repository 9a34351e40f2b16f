"""The steps of a traced network, done on windows of their maps where that is possible."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial, reduce
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, fx, nn
from torch.fx.node import map_arg

from robustill.attacks.swift import close
from robustill.attacks.windows import Span, Window, axes, whole

WORTH = 0.75
"""Up to this share of a map, a window of it is computed sooner than the map."""

Size = tuple[int, int]
"""Height and width."""


class Patch(NamedTuple):
    """What is new of a map; the rest is as remembered."""

    window: Window
    values: Tensor


Values = Mapping[fx.Node, Any]
"""What the steps before gave: patches, maps, or whatever else a network computes with."""


class Memory(dict[fx.Node, Tensor]):
    """Maps that the network makes of the images as they are."""

    def cut(self, node: fx.Node, patch: Patch, window: Window) -> Tensor:
        """A copy of a window of the map, with the patch in it."""
        cut = window.of(self[node]).clone()
        both = window.meet(patch.window)
        both.seen_from(window).of(cut).copy_(both.seen_from(patch.window).of(patch.values))
        return cut


class Call:
    """A step as it is written in the network."""

    def __init__(self, network: fx.GraphModule, node: fx.Node) -> None:
        self.node, self.inputs = node, tuple(node.all_input_nodes)
        self.module = network.get_submodule(str(node.target)) if node.op == "call_module" else None
        interpreter = fx.Interpreter(network)
        self.run: Callable[[Any, Any], Any] = partial(getattr(interpreter, node.op), node.target)

    def __call__(self, values: Values) -> Any:
        args, kwargs = map_arg((self.node.args, self.node.kwargs), values.__getitem__)
        return self.run(args, kwargs)


class Step(ABC):
    """A step in which something is new.

    Attributes:
        needs: the steps whose maps it must have remembered.
    """

    needs: tuple[fx.Node, ...]

    @abstractmethod
    def __call__(self, values: Values, memory: Memory) -> Any:
        """A patch of the step's map, or all that it gives."""


class Plain(Step):
    """Gives all that it gives in the network, of whole maps."""

    def __init__(self, call: Call, patched: Mapping[fx.Node, Size]) -> None:
        self.call, self.needs = call, tuple(patched)

    def __call__(self, values: Values, memory: Memory) -> Any:
        given = {node: values[node] for node in self.call.inputs}
        return self.call(given | {node: memory.cut(node, given[node], whole(memory[node])) for node in self.needs})


class Pointwise(Step):
    """What is new of its map is where something is new of its inputs: activations, sums, normalisation."""

    def __init__(self, call: Call, patched: Mapping[fx.Node, Size]) -> None:
        self.call, self.patched = call, tuple(patched)
        self.others = tuple(node for node in call.inputs if node not in patched)
        self.needs = self.patched if len(patched) > 1 else ()  # windows of several inputs may differ
        height, width = (max(sizes) for sizes in zip(*patched.values(), strict=True))
        self.size = height, width

    def __call__(self, values: Values, memory: Memory) -> Patch:
        window = reduce(Window.join, (values[node].window for node in self.patched))
        given = {node: values[node] for node in self.others}
        for node in self.patched:  # what is remembered may not be changed by a step that works in place
            given[node] = memory.cut(node, values[node], window) if node in memory else values[node].values
        return Patch(window, self.call(given))


class Convolution(Step):
    """What is new of its map is where it sees something new. It is given what it sees there."""

    def __init__(self, call: Call, patched: Mapping[fx.Node, Size], before: Tensor, after: Tensor) -> None:
        assert isinstance(call.module, nn.Conv2d)
        self.convolution = call.module
        self.needs = (self.source,) = tuple(patched)
        self.before, self.after = whole(before), after.shape[2:]
        self.rows, self.columns = axes(self.convolution)
        height, width = patched[self.source]
        self.size = min(self.rows.most(height), self.after[0]), min(self.columns.most(width), self.after[1])

    def __call__(self, values: Values, memory: Memory) -> Patch:
        patch: Patch = values[self.source]
        new = Window(
            self.rows.outputs(patch.window.rows, self.after[0]),
            self.columns.outputs(patch.window.columns, self.after[1]),
        )
        seen = Window(self.rows.inputs(new.rows), self.columns.inputs(new.columns))
        inside = seen.meet(self.before)
        cut = memory.cut(self.source, patch, inside)
        if inside != seen:
            cut = F.pad(cut, (*seen.columns.beyond(inside.columns), *seen.rows.beyond(inside.rows)))
        of = self.convolution
        return Patch(new, F.conv2d(cut, of.weight, of.bias, of.stride, 0, of.dilation, of.groups))


def local_step(
    call: Call, given: Values, result: Any, patched: Mapping[fx.Node, Size]
) -> Convolution | Pointwise | None:
    """How to do a step with windows, if that pays.

    Args:
        call: the step, all of whose changing inputs are patches.
        given: its inputs, whole.
        result: what it gives of them.
        patched: the sizes of the patches.
    """
    step: Convolution | Pointwise
    if _convolves(call.module):
        (source,) = patched
        step = Convolution(call, patched, given[source], result)
    elif _acts_by_position(call, given, result, patched):
        step = Pointwise(call, patched)
    else:
        return None
    height, width = step.size
    return step if height * width <= WORTH * result.shape[2:].numel() else None


def _convolves(module: nn.Module | None) -> bool:
    return type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str)


def _acts_by_position(call: Call, given: Values, result: Any, patched: Iterable[fx.Node]) -> bool:
    """Whether the result at a position depends on nothing but the inputs there: tried at one position, with noise."""
    inputs = {node: given[node] for node in patched}
    if not all(_is_map(value) and value.shape[2:] == result.shape[2:] for value in (result, *inputs.values())):
        return False
    generator = Generator().manual_seed(0)
    noise = {n: torch.randn(1, *z.shape[1:], dtype=z.dtype, generator=generator) for n, z in inputs.items()}
    height, width = result.shape[2:]
    here = Window(Span(height // 3, height // 3 + 1), Span(width // 2, width // 2 + 1))
    try:
        alone = call({**given, **{node: here.of(values).clone() for node, values in noise.items()}})
    except (RuntimeError, ValueError):  # it wants inputs of the size of the map
        return False
    return close(alone, here.of(call({**given, **noise})))


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and value.is_floating_point()
