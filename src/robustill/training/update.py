"""The steps of an epoch: gradient, a look at whether it is finite, the update of weights and average."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from robustill.data.seeds import generator, seeded
from robustill.objectives.base import Method
from robustill.team import Team
from robustill.training.averages import Average
from robustill.training.failure import NonFinite, batch_of, is_finite, not_finite
from robustill.training.state import State
from robustill.training.step import Descend, Descent
from robustill.types import Images, Labels


@runtime_checkable
class EpochSource(Protocol):
    """Where batches come from: ``robustill.data.Batches``, or anything with its two methods."""

    def __len__(self) -> int:
        """Steps of an epoch."""

    def epoch(self, number: int) -> Iterable[tuple[Images, Labels]]:
        """The batches of an epoch, counted from 1: images in [0, 1] and labels, on the student's device.

        In a team each process is given its own share of every batch, as :class:`robustill.data.batches.Share` says.
        """


@dataclass(frozen=True, eq=False)
class Update:
    """One step from a batch. Everything else it depends on is in the state: a step done again is the same step.

    Attributes:
        descend: from images, labels, progress and generator to a loss whose gradient is in the student's ``.grad``.
        rate: the learning rate, from the epochs done, as a fraction.
        skip: how many steps that are not finite the run may leave out.
        team: the processes that make the step together.
    """

    state: State
    descend: Descend
    rate: Callable[[float], float]
    method: Method
    average: Average | None
    clip: float | None
    epochs: int
    steps: int
    seed: int
    skip: int
    team: Team

    def watched(self, x: Images, y: Labels) -> None:
        """A step that is waited for: one that is not finite changes nothing, and is skipped or stops the run.

        Raises:
            NonFinite: it is one more than may be skipped, or no step of its epoch was finite.
        """
        state = self.state
        buffers = [buffer.clone() for buffer in state.student.buffers()]
        done = self._descended(x, y)
        finite = bool(is_finite(done.loss, state.student))
        if not finite:
            with torch.no_grad():
                for buffer, value in zip(state.student.buffers(), buffers, strict=True):
                    buffer.copy_(value)
            if state.skipped >= self.skip or (self._last and not state.sums.images):
                parts = not_finite(self.method, done.lines, state.student, self.team)
                batch = batch_of(done.lines, self.team)
                raise NonFinite(state.epoch + 1, state.step + 1, parts, batch, state)
            state.skipped += 1
            state.sums.skipped += 1
        self._finish(done if finite else None)

    def trusted(self, x: Images, y: Labels) -> Tensor:
        """A step that nobody waits for; whether it was finite can be asked later."""
        done = self._descended(x, y)
        finite = is_finite(done.loss, self.state.student)
        self._finish(done)
        return finite

    @property
    def _last(self) -> bool:
        return self.state.step == self.steps - 1

    @property
    def _progress(self) -> float:
        return (self.state.epoch + 1) / self.epochs

    def _descended(self, x: Images, y: Labels) -> Descent:
        state = self.state
        rate = self.rate(state.epoch + state.step / self.steps)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        state.optimizer.zero_grad()
        step = state.epoch + 1, state.step
        noise = generator(self.seed, "attack", *step, device=x.device)
        with seeded(self.seed, "network", *step, self.team.rank, device=x.device):
            return self.descend(x, y, progress=self._progress, generator=noise)

    def _finish(self, done: Descent | None) -> None:
        """Moves the weights and the average, unless the step is skipped, and counts it."""
        state = self.state
        if done is not None:
            if self.clip is not None:
                nn.utils.clip_grad_norm_(state.student.parameters(), self.clip)
            state.optimizer.step()
            state.sums.loss = state.sums.loss + done.loss * done.images
            state.sums.images += done.images
        average = self.average
        if average and state.averaged and average.due(self._progress, moved=done is not None, last_step=self._last):
            state.averaged.update_parameters(state.student)
        state.step += 1


def walk(update: Update, data: EpochSource, stretch: int) -> Iterator[None]:
    """Does what is left of the epoch at hand, pausing where all that was done is known to be finite.

    That is after every ``stretch`` steps. Where it is 1 each step is waited for. In a longer stretch none is, which a
    GPU would be slowed down by: if a step turns out at the end not to have been finite, everything is put back and the
    stretch is done again, step by step, up to the one.

    Raises:
        NonFinite: as ``Update.watched``.
        ValueError: the epoch has more or fewer batches than the data's length.
    """
    state, steps = update.state, len(data)
    batches = _rest(data, state)
    while state.step < steps:
        count = min(stretch, steps - state.step)
        if not (stretch > 1 and _trusted(update, batches, count)):
            if stretch > 1:
                batches = _rest(data, state)
            for x, y in _exactly(count, batches):
                update.watched(x, y)
        yield
    if next(batches, None) is not None:
        raise ValueError(f"An epoch must have as many batches as its length says, {steps}. Found: more.")


def _trusted(update: Update, batches: Iterator[tuple[Images, Labels]], count: int) -> bool:
    """Does so many steps without waiting for any; if one was not finite the state is what it was before them."""
    before = deepcopy(update.state.state_dict())
    flags = [update.trusted(x, y) for x, y in _exactly(count, batches)]
    if bool(torch.stack(flags).all()):
        return True
    update.state.load_state_dict(before)
    return False


def _rest(data: EpochSource, state: State) -> Iterator[tuple[Images, Labels]]:
    return islice(data.epoch(state.epoch + 1), state.step, None)


def _exactly(count: int, batches: Iterator[tuple[Images, Labels]]) -> Iterator[tuple[Images, Labels]]:
    given = 0
    for batch in islice(batches, count):
        given += 1
        yield batch
    if given < count:
        raise ValueError("An epoch must have as many batches as its length says. Found: fewer. Count them again.")
