"""Rectangles of images and of the maps that layers make of them, and which of them a convolution connects."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

Piece = Float[Tensor, "batch channels tall wide"]
"""What a window of some images holds."""


class Span(NamedTuple):
    """The positions ``begin`` to ``end - 1`` of one axis."""

    begin: int
    end: int

    def meet(self, other: Span) -> Span:
        """What both hold."""
        begin = max(self.begin, other.begin)
        return Span(begin, max(begin, min(self.end, other.end)))

    def join(self, other: Span) -> Span:
        """The least span that holds both."""
        return Span(min(self.begin, other.begin), max(self.end, other.end))

    def seen_from(self, other: Span) -> Span:
        """The same positions, counted from where ``other`` begins."""
        return Span(self.begin - other.begin, self.end - other.begin)


class Window(NamedTuple):
    """A rectangle of a map."""

    rows: Span
    columns: Span

    def of(self, maps: Tensor) -> Tensor:
        """This part of ``[batch, channels, height, width]``: a view."""
        return maps[:, :, self.rows.begin : self.rows.end, self.columns.begin : self.columns.end]

    def meet(self, other: Window) -> Window:
        return Window(self.rows.meet(other.rows), self.columns.meet(other.columns))

    def join(self, other: Window) -> Window:
        return Window(self.rows.join(other.rows), self.columns.join(other.columns))

    def seen_from(self, other: Window) -> Window:
        return Window(self.rows.seen_from(other.rows), self.columns.seen_from(other.columns))


def whole(maps: Tensor) -> Window:
    """All of a map."""
    height, width = maps.shape[2:]
    return Window(Span(0, height), Span(0, width))


class Axis(NamedTuple):
    """A convolution along one axis: output ``i`` sees ``reach`` inputs, from ``i * stride - padding`` on."""

    reach: int
    stride: int
    padding: int

    def outputs(self, inputs: Span, size: int) -> Span:
        """Those of ``size`` outputs that see one of the inputs, and one of the others where none does."""
        first = -((self.reach - 1 - self.padding - inputs.begin) // self.stride)
        begin = min(max(first, 0), size - 1)
        return Span(begin, max(begin + 1, min((inputs.end - 1 + self.padding) // self.stride + 1, size)))

    def inputs(self, outputs: Span) -> Span:
        """What these outputs see; it begins below 0 or ends beyond the map where they see padding."""
        begin = outputs.begin * self.stride - self.padding
        return Span(begin, (outputs.end - 1) * self.stride - self.padding + self.reach)

    def most(self, inputs: int) -> int:
        """How many outputs see one of so many neighbouring inputs, at most."""
        return (inputs + self.reach - 2) // self.stride + 1


def axes(convolution: nn.Conv2d) -> tuple[Axis, Axis]:
    """Of rows and of columns; the padding must be in numbers."""
    rows, columns = (
        Axis(1 + convolution.dilation[i] * (convolution.kernel_size[i] - 1), convolution.stride[i], padding)
        for i, padding in enumerate(convolution.padding)
        if isinstance(padding, int)
    )
    return rows, columns
