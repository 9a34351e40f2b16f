"""A step that several processes make together, each with its share of the batch, or one process part by part.

Every process goes through its images part by part, and the whole batch's loss is the mean over its images:

    loss = Σ over parts  n_part / n · mean loss of the part

so the sum of the parts' gradients is the gradient that one process has from the whole batch, whatever the parts'
sizes. After a step all processes hold the same weights and the same running averages, so a checkpoint of one of them
is a checkpoint of all.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from robustill.data.batches import Share
from robustill.objectives.base import Method
from robustill.objectives.line import Line
from robustill.parts import Part
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


def parts(x: Images, y: Labels, *, images: int, accumulate: int, team: Team) -> list[Part]:
    """This process's share of a batch of so many images, as at most ``accumulate`` parts; none without an image."""
    own = Share(team.rank, team.size)
    cut = [
        Part(x[i::accumulate], y[i::accumulate], own.part(i, accumulate).after(0), images) for i in range(accumulate)
    ]
    return [part for part in cut if len(part.x)]


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
