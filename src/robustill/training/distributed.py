"""A step that several processes make together, each with its share of the batch, or one process part by part.

Every process goes through its images part by part, and the whole batch's loss is the mean over its images:

    loss = Σ over parts  n_part / n · mean loss of the part

so the sum of the parts' gradients is the gradient that one process has from the whole batch, whatever the parts'
sizes. After a step all processes hold the same weights and the same running averages, so a checkpoint of one of them
is a checkpoint of all.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.overrides import TorchFunctionMode

from robustill.data.batches import Share
from robustill.objectives.base import Method
from robustill.objectives.line import Line
from robustill.precision import at_least_float32
from robustill.team import Team
from robustill.training.averages import Average
from robustill.types import Images, Labels, Scalar


class Outer(nn.Module):
    """The whole outer step as one module: DDP has to be called once a step, however many forwards a student makes."""

    def __init__(self, student: nn.Module, method: Method) -> None:
        super().__init__()
        self.student = student
        self.method = method
        self.idle = nn.Parameter(at_least_float32(next(student.parameters()).new_zeros(())))

    def forward(self, line: Line | None, share: float) -> Scalar:
        """The mean loss of a part times its share of the batch; of a process without an image, nothing."""
        if line is None:
            return 0 * self.idle
        return share * self.method.mean(self.student, line)


def joined(outer: Outer, team: Team) -> nn.Module:
    """The outer step, whose gradients become the mean over the team as soon as they are there."""
    if team.size == 1:
        return outer
    # A process without an image uses no parameter but `idle`, and one with images all but that. Looking for what is not
    # used also keeps the order in which gradients are added up the same in every step; otherwise the first step of a
    # resumed run would round differently.
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)  # its successor is of 2.13
    return DistributedDataParallel(outer, broadcast_buffers=False, find_unused_parameters=True)


def unjoined(outer: nn.Module) -> AbstractContextManager[None]:
    """Within, gradients stay in this process: the team adds up those of the last part."""
    if isinstance(outer, DistributedDataParallel):
        return outer.no_sync()
    return nullcontext()


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

    def noise(self, generator: Generator | None) -> AbstractContextManager[Any]:
        """Within, what is drawn for the part is its rows of what is drawn for the batch."""
        return nullcontext() if generator is None or self.share == 1 else RowsOf(self, generator)


def parts(x: Images, y: Labels, *, images: int, accumulate: int, team: Team) -> list[Part]:
    """This process's share of a batch of so many images, as at most ``accumulate`` parts; none without an image."""
    own = Share(team.rank, team.size)
    cut = [
        Part(x[i::accumulate], y[i::accumulate], own.part(i, accumulate).after(0), images) for i in range(accumulate)
    ]
    return [part for part in cut if len(part.x)]


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


def agree(network: nn.Module, team: Team, share: float) -> None:
    """BatchNorm's averages become the mean over the team, weighted by their ``share``; counters are the first's."""
    if team.size == 1:
        return
    buffers = list(network.buffers())
    # In double precision, where weights that add up to 1 leave numbers that are the same as they are
    sums = [b.double() * (share if b.is_floating_point() else float(team.leads)) for b in buffers]
    team.add_up(sums)
    for buffer, value in zip(buffers, sums, strict=True):
        buffer.copy_(value)


def refresh(
    average: Average, averaged: AveragedModel, batches: Callable[[], Iterable[tuple[Images, Labels]]], team: Team
) -> None:
    """``Average.refresh``, each process with its share of the batches."""
    seen = 0

    def own() -> Iterator[tuple[Images, Labels]]:
        nonlocal seen
        for x, y in batches():
            if len(x):
                seen += len(x)
                yield x, y

    average.refresh(averaged, own)
    images = team.total(seen)
    if images:
        agree(averaged.module, team, seen / images)
