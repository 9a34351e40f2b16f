"""A canvas that computes again only what a change can reach: of each layer's map the window that sees it.

The maps that the network makes of the images are remembered. A convolution needs its input in a slightly larger window,
of which all but the change is remembered; what acts on each position by itself needs the change alone. From where the
windows have grown to most of a map, the network is computed whole.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, fx, nn

from robustill.attacks.canvas import Canvas, Whole
from robustill.attacks.patch_steps import Call, Convolution, Memory, Patch, Plain, Size, Step, local_step
from robustill.attacks.search import Mask
from robustill.attacks.swift import close
from robustill.attacks.windows import Piece, Span, Window
from robustill.precision import at_least_float32
from robustill.types import Images, Logits


def canvas(model: nn.Module, images: Images, size: Size) -> Canvas:
    """A canvas for windows up to this size. Patchwise where that pays: on CPUs, for a network that ``swift`` traced."""
    if isinstance(model, fx.GraphModule) and _has_one_input(model) and images.device.type == "cpu":
        patchwise = Patchwise(model, images, size)
        if patchwise.pays() and patchwise.agrees(model, size):
            return patchwise
    return Whole(model, images)


class Patchwise(Canvas):
    """Asks a traced network about windows up to a size."""

    def __init__(self, network: fx.GraphModule, images: Images, size: Size) -> None:
        self.input, *between, output = network.graph.nodes
        (self.output,) = output.all_input_nodes
        self.steps: dict[fx.Node, Step] = {}
        self.fixed: dict[fx.Node, Any] = {}  # what does not depend on the images
        self.memory = Memory()
        self.memory.remember(self.input, images, 0)
        self._plan([Call(network, node) for node in between], images, size)

    def _plan(self, calls: list[Call], images: Images, size: Size) -> None:
        """Goes through the network once; finds how each step is done, and which maps are to be remembered."""
        values: dict[fx.Node, Any] = {self.input: images}
        sizes = {self.input: size}
        for call in calls:
            given = {node: values[node] for node in call.inputs}
            # Of copies, because a step may work in place
            values[call.node] = call({node: _copy(value) for node, value in given.items()})
            changing = [node for node in call.inputs if node not in self.fixed]
            if not changing:
                self.fixed[call.node] = values[call.node]
                continue
            patched = {node: sizes[node] for node in changing if node in sizes}
            step: Step = Plain(call, patched)
            if len(patched) == len(changing) and (local := local_step(call, given, values[call.node], patched)):
                step, sizes[call.node] = local, local.size
            self.steps[call.node] = step
            for node, margin in step.needs.items():
                self.memory.remember(node, values[node], margin)

    def pays(self) -> bool:
        """Whether any convolution is done on windows."""
        return any(isinstance(step, Convolution) for step in self.steps.values())

    def agrees(self, model: nn.Module, size: Size) -> bool:
        """Whether a patch gives the logits that the model gives of the whole images."""
        window = Window(Span(0, size[0]), Span(0, size[1]))
        painted = self.images.clone()
        window.of(painted).neg_().add_(1)
        return close(self.paint(window, window.of(painted)), model(painted))

    @property
    def images(self) -> Images:
        return self.memory[self.input]

    def paint(self, window: Window, pixels: Piece) -> Logits:
        self.tried: dict[fx.Node, Any] = {**self.fixed, self.input: Patch(window, pixels)}
        for node, step in self.steps.items():
            self.tried[node] = step(self.tried, self.memory)
        return at_least_float32(self.tried[self.output])

    def accept(self, better: Mask) -> None:
        rows = better.nonzero().squeeze(1)
        for node in self.memory if len(rows) else ():
            self.memory.accept(node, self.tried[node], rows)

    def keep(self, stay: Mask) -> None:
        self.memory.keep(stay)


def _has_one_input(network: fx.GraphModule) -> bool:
    return [node.op for node in network.graph.nodes].count("placeholder") == 1


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
