"""Parts of a batch, gone through one after the other or by several processes, with the noise of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor
from torch.overrides import TorchFunctionMode

from robustill.types import Images, Labels


@dataclass(frozen=True)
class Part:
    """Some images of a batch, gone through at once.

    Attributes:
        rows: where they stand in the batch.
        images: how many the batch has.
    """

    x: Images
    y: Labels
    rows: slice
    images: int

    @property
    def share(self) -> float:
        return len(self.x) / self.images

    @classmethod
    def whole(cls, x: Images, y: Labels) -> Part:
        """All images of a batch."""
        return cls(x, y, slice(0, len(x)), len(x))

    def portions(self, most: int) -> list[Part]:
        """The same images in parts of at most so many neighbours, as equal as may be."""
        if len(self.x) <= most:
            return [self]
        count = -(-len(self.x) // most)
        ends = [len(self.x) * i // count for i in range(count + 1)]
        numbers = range(self.images)[self.rows]
        return [
            Part(self.x[a:b], self.y[a:b], slice(numbers[a], numbers[b - 1] + 1, numbers.step), self.images)
            for a, b in pairwise(ends)
        ]

    def noisy_portions(self, most: int, generator: Generator | None) -> list[tuple[Part, AbstractContextManager[Any]]]:
        """The portions, each with its ``noise``."""
        return [(portion, portion.noise(generator)) for portion in self.portions(most)]

    def noise(self, generator: Generator | None) -> AbstractContextManager[Any]:
        """Within, what is drawn for the part is its rows of what is drawn for the batch.

        The generator begins where it is now, so the noise of all parts of a batch is asked for before any is drawn.
        """
        return nullcontext() if generator is None or len(self.x) == self.images else RowsOf(self, generator)


DRAWS: tuple[Callable[..., Any], ...] = (torch.rand, torch.randn, torch.randint)
FILLS: tuple[Callable[..., Any], ...] = (
    torch.Tensor.uniform_,
    torch.Tensor.normal_,
    torch.Tensor.bernoulli_,
    torch.Tensor.exponential_,
    torch.Tensor.random_,
)


class RowsOf(TorchFunctionMode):
    """Within, what ``DRAWS`` and ``FILLS`` draw from a generator for a part, an image a row, is drawn for the batch, of
    which the part's rows are taken: an image's noise does not depend on who has it.

    The generator begins where it was when this was made.
    """

    def __init__(self, part: Part, generator: Generator) -> None:
        super().__init__()
        self._part, self._generator, self._begin = part, generator, generator.get_state()

    def __enter__(self) -> RowsOf:
        self._generator.set_state(self._begin)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("generator") is not self._generator or function not in (*DRAWS, *FILLS):
            return function(*args, **kwargs)
        if function in FILLS:
            return self._filled(function, *args, **kwargs)
        bounds, shape = (args[:-1], args[-1]) if function is torch.randint else ((), args)
        shape = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else tuple(shape)
        if shape[:1] != (len(self._part.x),):
            return function(*args, **kwargs)
        return function(*bounds, (self._part.images, *shape[1:]), **kwargs)[self._part.rows].contiguous()

    def _filled(self, function: Callable[..., Any], held: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if held.shape[:1] != (len(self._part.x),):
            return function(held, *args, **kwargs)  # type: ignore[no-any-return]
        batch = held.new_empty((self._part.images, *held.shape[1:]))
        return held.copy_(function(batch, *args, **kwargs)[self._part.rows])
