"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from robustill.attacks.base import Attack
from robustill.data.seeds import generator
from robustill.objectives.base import Method
from robustill.training.averages import Average
from robustill.training.awp import AWP
from robustill.training.optimizers import SGD
from robustill.training.schedules import OneCycle, Schedule
from robustill.training.step import descend
from robustill.types import Images, Labels


@runtime_checkable
class EpochSource(Protocol):
    """Where batches come from: ``robustill.data.Batches``, or anything with its two methods."""

    def __len__(self) -> int:
        """Steps of an epoch."""

    def epoch(self, number: int) -> Iterable[tuple[Images, Labels]]:
        """The batches of an epoch, counted from 1: images in [0, 1] and labels, on the student's device."""


@dataclass
class State:
    """Everything that changes while a student is trained."""

    student: nn.Module
    optimizer: torch.optim.Optimizer
    averaged: AveragedModel | None = None
    epoch: int = 0

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged else None,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continues from what ``state_dict`` gave.

        Raises:
            ValueError: that was the state of another network or another optimizer.
        """
        try:
            self.student.load_state_dict(saved["student"])
            self.optimizer.load_state_dict(saved["optimizer"])
            if self.averaged:
                self.averaged.load_state_dict(saved["averaged"])
            self.epoch = saved["epoch"]
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise ValueError(
                "A run continues with the network, optimizer and weight average it began with. Found: the state of "
                f"others ({type(error).__name__}). Put the settings back, or start again."
            ) from error


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Attributes:
        number: counted from 1.
        loss: the mean over the epoch's images.
        learning_rate: of the last step.
        seconds: of training alone, without what the caller did since the last epoch.
        model: the network to evaluate and to save: the weight average once it has begun, otherwise the student.
        state: what a resumed run needs.
    """

    number: int
    loss: float
    learning_rate: float
    seconds: float
    model: nn.Module
    state: State


def fit(
    student: nn.Module,
    teacher: nn.Module | None,
    data: EpochSource,
    *,
    method: Method,
    attack: Attack,
    epochs: int,
    optimizer: SGD | None = None,
    schedule: Schedule | None = None,
    average: Average | None = None,
    natural_teacher: nn.Module | None = None,
    perturbation: AWP | None = None,
    label_smoothing: float = 0.0,
    clip: float | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    seed: int = 0,
    resume: Mapping[str, Any] | None = None,
) -> Iterator[Epoch]:
    """Trains the student, yielding after every epoch.

    Args:
        student, teacher: networks on one device; the teacher in eval mode, or None.
        data: the batches.
        method: what is descended and climbed.
        attack: how the budget is searched.
        epochs: the length of the whole run, which ramps and schedules refer to.
        optimizer: default ``SGD()``.
        schedule: default ``OneCycle()``.
        average: of the weights, or None.
        natural_teacher: a second teacher, in eval mode, for the methods that have one.
        perturbation: of the weights at which the gradient is taken, or None.
        label_smoothing: in [0, 1): the share of the labels' weight that is spread over all classes in the loss.
        clip: the largest norm of the gradient of all parameters together; a longer one is shortened. None: no limit.
        precision: of the networks' passes (autocast).
        seed: of the attack's noise; the batches have their own.
        resume: a state_dict of ``State``: the run goes on after that epoch.

    Raises:
        ValueError: the method and the other choices do not fit each other.
        FloatingPointError: the loss is no longer finite.
    """
    optimizer, schedule = optimizer or SGD(), schedule or OneCycle()
    state = State(student, optimizer.build(student.parameters()), average.build(student) if average else None)
    if resume is not None:
        state.load_state_dict(resume)
    device = next(student.parameters()).device
    steps = len(data)
    while state.epoch < epochs:
        number, began, total, images = state.epoch + 1, time.perf_counter(), torch.zeros((), device=device), 0
        progress = number / epochs
        student.train()
        for step, (x, y) in enumerate(data.epoch(number)):
            rate = optimizer.lr * schedule(number - 1 + step / steps, epochs)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            state.optimizer.zero_grad()
            loss = descend(
                student,
                teacher,
                x,
                y,
                method=method,
                attack=attack,
                natural_teacher=natural_teacher,
                perturbation=perturbation,
                label_smoothing=label_smoothing,
                precision=precision,
                progress=progress,
                generator=generator(seed, "attack", number, step, device=device),
            )
            if clip is not None:
                nn.utils.clip_grad_norm_(student.parameters(), clip)
            state.optimizer.step()
            if average and state.averaged and average.due(progress, last_step=step == steps - 1):
                state.averaged.update_parameters(student)
            total += loss * len(x)
            images += len(x)
        mean = float(total) / images
        if not mean - mean == 0:
            raise FloatingPointError(
                f"The loss is not finite in epoch {number}. Run again with a lower learning rate, in float32, or with "
                "a smaller weight of the added term."
            )
        if average and state.averaged:
            average.refresh(state.averaged, partial(data.epoch, number))
        state.epoch = number
        model = state.averaged.module if state.averaged and state.averaged.n_averaged > 0 else student
        yield Epoch(number, mean, rate, time.perf_counter() - began, model, state)
