"""The steps of a traced network, done on windows of their maps where that is possible."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial, reduce
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, fx, nn
from torch.fx.node import map_arg

from robustill.attacks.search import Mask, Rows
from robustill.attacks.stem import Stem
from robustill.attacks.swift import close
from robustill.attacks.windows import Span, Window, axes, whole

WORTH = 0.85
"""Up to this share of a map, a window of it is computed sooner than the map; from 0.65 to 0.95 it hardly matters."""

Size = tuple[int, int]
"""Height and width."""


class Patch(NamedTuple):
    """What is new of a map; the rest is as remembered."""

    window: Window
    values: Tensor


Values = Mapping[fx.Node, Any]
"""What the steps before gave: patches, maps, or whatever else a network computes with."""


class Memory:
    """Maps that the network makes of the images as they are, in margins of zeros: so a cut may hold some padding."""

    def __init__(self) -> None:
        self.framed: dict[fx.Node, Tensor] = {}
        self.margins: dict[fx.Node, int] = {}

    def remember(self, node: fx.Node, maps: Tensor, margin: int) -> None:
        """Keeps a copy of maps with a margin at least as wide."""
        margin = max(margin, self.margins.get(node, 0))
        self.framed[node] = F.pad(maps, 4 * (margin,)).contiguous(memory_format=torch.channels_last)
        self.margins[node] = margin

    def __iter__(self) -> Iterator[fx.Node]:
        return iter(self.framed)

    def __getitem__(self, node: fx.Node) -> Tensor:
        """The maps of a step, without margin: a view."""
        framed, margin = self.framed[node], self.margins[node]
        return framed[:, :, margin : framed.shape[2] - margin, margin : framed.shape[3] - margin]

    def cut(self, node: fx.Node, patch: Patch, window: Window) -> Tensor:
        """A copy of a window of the maps, with the patch in it."""
        margin = self.margins[node]
        cut = window.seen_from(Window(Span(-margin, 0), Span(-margin, 0))).of(self.framed[node]).clone()
        both = window.meet(patch.window)
        both.seen_from(window).of(cut).copy_(both.seen_from(patch.window).of(patch.values))
        return cut

    def accept(self, node: fx.Node, patch: Patch, rows: Rows) -> None:
        """The patch becomes a part of these maps."""
        patch.window.of(self[node])[rows] = patch.values[rows]

    def keep(self, stay: Mask) -> None:
        """Forgets the maps of the other images."""
        for node, framed in self.framed.items():
            self.framed[node] = framed[stay].contiguous(memory_format=torch.channels_last)


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
        needs: the steps whose maps it must have remembered, with margins at least so wide.
    """

    needs: dict[fx.Node, int]

    @abstractmethod
    def __call__(self, values: Values, memory: Memory) -> Any:
        """A patch of the step's map, or all that it gives."""


class Plain(Step):
    """Gives all that it gives in the network, of whole maps."""

    def __init__(self, call: Call, patched: Mapping[fx.Node, Size]) -> None:
        self.call, self.needs = call, dict.fromkeys(patched, 0)

    def __call__(self, values: Values, memory: Memory) -> Any:
        given = {node: values[node] for node in self.call.inputs}
        return self.call(given | {node: memory.cut(node, given[node], whole(memory[node])) for node in self.needs})


class Pointwise(Step):
    """What is new of its map is where something is new of its inputs: activations, sums, normalisation."""

    def __init__(self, call: Call, patched: Mapping[fx.Node, Size]) -> None:
        self.call, self.patched = call, tuple(patched)
        self.others = tuple(node for node in call.inputs if node not in patched)
        self.needs = dict.fromkeys(patched if len(patched) > 1 else (), 0)  # windows of several inputs may differ
        height, width = (max(sizes) for sizes in zip(*patched.values(), strict=True))
        self.size = height, width

    def __call__(self, values: Values, memory: Memory) -> Patch:
        window = reduce(Window.join, (values[node].window for node in self.patched))
        given = {node: values[node] for node in self.others}
        for node in self.patched:  # what is remembered may not be changed by a step that works in place
            given[node] = memory.cut(node, values[node], window) if node in memory.framed else values[node].values
        return Patch(window, self.call(given))


class Convolution(Step):
    """What is new of its map is where it sees something new. It is given what it sees there."""

    def __init__(self, call: Call, patched: Mapping[fx.Node, Size], result: Tensor) -> None:
        assert isinstance(call.module, nn.Conv2d)
        self.convolution = call.module
        self.rows, self.columns = axes(self.convolution)
        ((self.source, (height, width)),) = patched.items()
        self.needs = {self.source: max(self.rows.padding, self.columns.padding)}
        self.most = result.shape[2], result.shape[3]
        self.size = min(self.rows.most(height), self.most[0]), min(self.columns.most(width), self.most[1])

    def __call__(self, values: Values, memory: Memory) -> Patch:
        patch: Patch = values[self.source]
        new = Window(
            self.rows.outputs(patch.window.rows, self.most[0]), self.columns.outputs(patch.window.columns, self.most[1])
        )
        seen = Window(self.rows.inputs(new.rows), self.columns.inputs(new.columns))
        of = self.convolution
        cut = memory.cut(self.source, patch, seen)
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
        step = Convolution(call, patched, result)
    elif _acts_by_position(call, given, result, patched):
        step = Pointwise(call, patched)
    else:
        return None
    height, width = step.size
    return step if height * width <= WORTH * result.shape[2:].numel() else None


def _convolves(module: nn.Module | None) -> bool:
    if not isinstance(module, nn.Conv2d) or type(module) not in (nn.Conv2d, Stem):
        return False
    return module.padding_mode == "zeros" and not isinstance(module.padding, str)


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
