"""The processes that train or measure one thing together: those that torchrun started, or this one alone.

What a team of one is asked costs nothing and changes nothing, so whoever asks is written once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, distributed

from robustill.torchrun import local_rank, rank, size, store

T = TypeVar("T")
POLL = 0.02
"""Seconds between two looks at whether all have come."""


@dataclass(frozen=True)
class Team:
    """Some processes, of which this is one. All of them must ask the same, in the same order.

    Attributes:
        rank: the number of this process, counted from 0.
        size: how many there are, on all machines together.
        store: where they leave word for each other (``torchrun.store``); None for a process alone.
    """

    rank: int = 0
    size: int = 1
    store: Any = field(default=None, repr=False, compare=False)
    _meetings: Iterator[int] = field(default_factory=count, repr=False, compare=False)

    @property
    def leads(self) -> bool:
        """Whether this is the one process that writes and prints."""
        return self.rank == 0

    def meet(self) -> None:
        """Waits until all are here, however long the first one's work takes them; a signal is heard all the while."""
        if self.store is not None:
            place = f"meeting/{next(self._meetings)}"
            self.store.add(place, 1)
            while self.store.add(place, 0) < self.size:
                time.sleep(POLL)

    def same(self, value: T) -> T:
        """The value of the first process, for all."""
        if self.size == 1:
            return value
        self.meet()
        told = [value]
        distributed.broadcast_object_list(told)
        return told[0]

    def led(self, make: Callable[[], T]) -> T:
        """What the first process makes, for all; the others wait for it."""
        return cast(T, self.same(make() if self.leads else None))

    def each(self, value: T) -> list[T]:
        """The values of all, in the order of their ranks."""
        values = [value] * self.size
        if self.size > 1:
            distributed.all_gather_object(values, value)
        return values

    def total(self, amount: int) -> int:
        """The sum over the team."""
        if self.size == 1:
            return amount
        tensor = torch.tensor(amount)
        distributed.all_reduce(tensor)
        return int(tensor)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Puts the sum over the team in the place of each tensor; they are on one device and of one type."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, values in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(values.view_as(tensor))

    @contextmanager
    def one_first(self) -> Iterator[None]:
        """One process of each machine does it before the others: what it downloads is there for them."""
        later = self.size > 1 and local_rank() > 0
        if later:
            self.meet()
        yield
        if not later:
            self.meet()


ALONE = Team()
_here = ALONE
_teams = count()


def here() -> Team:
    """The team of this process: itself alone, unless this is asked within :func:`gathered`."""
    return _here


@contextmanager
def gathered() -> Iterator[None]:
    """Within, the processes that torchrun started are a team, with a GPU each where there are enough."""
    global _here
    if size() == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank() % torch.cuda.device_count())
    shared = store(timedelta(minutes=5), f"team {next(_teams)}")
    distributed.init_process_group(store=shared, rank=rank(), world_size=size())
    _here = Team(rank(), size(), shared)
    try:
        yield
    finally:
        _here = ALONE
    distributed.destroy_process_group()  # after a failure it might wait for those who are no longer there
