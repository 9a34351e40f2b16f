"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import nn

from robustill.attacks.base import Attack
from robustill.data.seeds import seeded
from robustill.objectives.base import Method
from robustill.team import ALONE, Team
from robustill.training.acceleration import accelerated
from robustill.training.averages import Average
from robustill.training.awp import AWP
from robustill.training.checkpointing import require_not_compiled
from robustill.training.distributed import Outer, joined, refresh
from robustill.training.graph import recordable
from robustill.training.optimizers import SGD
from robustill.training.schedules import OneCycle, Schedule
from robustill.training.state import State
from robustill.training.step import Descend, descend
from robustill.training.update import EpochSource, Update, walk

STRETCH = {"cpu": 1, "cuda": 20}
"""How many steps are done before it is asked whether all of them were finite: a GPU has to stop for the answer."""


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Attributes:
        number: counted from 1.
        loss: the mean over the epoch's images.
        learning_rate: of the last step.
        seconds: of training alone, without what the caller did since the last epoch.
        skipped: how many of its steps were not finite.
        model: the network to evaluate and to save: the weight average once it has begun, otherwise the student.
        state: what a resumed run needs.
    """

    number: int
    loss: float
    learning_rate: float
    seconds: float
    skipped: int
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
    compile: bool = False,
    cuda_graphs: bool = True,
    cudnn_benchmark: bool = False,
    seed: int = 0,
    skip_nonfinite: int = 0,
    accumulate: int = 1,
    gradient_checkpointing: bool = False,
    team: Team = ALONE,
    resume: Mapping[str, Any] | None = None,
    between: Callable[[State], None] | None = None,
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
        compile: whether the networks are compiled within steps (``torch.compile``), up to rounding the same.
        cuda_graphs: whether steps are recorded and played again, which makes them faster and changes no number; where
            they are ``recordable`` and nothing in a step waits for the GPU.
        cudnn_benchmark: whether cuDNN times its algorithms within steps and takes the fastest, which may be others in
            the next run: numbers are the same up to rounding.
        seed: of the attack's noise; the batches have their own.
        skip_nonfinite: how many steps whose loss or gradient is not finite are left out before one stops the run; they
            change neither weights nor BatchNorm's averages, nor the average of the weights.
        accumulate: in how many parts, one after the other, a process goes through its images of a batch; the gradient
            is that of the whole batch, BatchNorm's statistics are of a part.
        gradient_checkpointing: whether memory is saved: the student's feature maps of the outer step are computed again
            when their gradient is due, and a GPU attacks ``PORTION`` images at once, as a CPU always does. The same
            numbers, a little later.
        team: the processes that train together; each has a share of every batch, and what is yielded is the same in
            all of them.
        resume: a state_dict of ``State``: the run goes on after that step.
        between: called inside an epoch, every ``STRETCH`` steps, with a state that can be saved.

    Raises:
        ValueError: the method and the other choices do not fit each other.
        NonFinite: a loss or a gradient is not finite, and may not be skipped; the weights are those of before.
    """
    require_not_compiled(gradient_checkpointing, compile)
    chosen, planned = optimizer or SGD(), schedule or OneCycle()
    state = State(student, chosen.build(student.parameters()), average.build(student) if average else None)
    if resume is not None:
        state.load_state_dict(resume)
    descent: Descend = partial(
        descend,
        student,
        teacher,
        method=method,
        attack=attack,
        natural_teacher=natural_teacher,
        perturbation=perturbation,
        label_smoothing=label_smoothing,
        precision=precision,
        accumulate=accumulate,
        gradient_checkpointing=gradient_checkpointing,
        team=team,
        outer=joined(Outer(student, method), team),
    )
    device = next(student.parameters()).device
    descent = accelerated(
        descent,
        student,
        (teacher, natural_teacher),
        compile=compile,
        cudnn_benchmark=cudnn_benchmark,
        record=cuda_graphs
        and recordable(device, team, accumulate=accumulate, gradient_checkpointing=gradient_checkpointing),
    )
    update = Update(
        state,
        descent,
        lambda done: chosen.lr * planned(done, epochs),
        method=method,
        average=average,
        clip=clip,
        epochs=epochs,
        steps=len(data),
        seed=seed,
        skip=skip_nonfinite,
        team=team,
    )
    stretch = STRETCH[device.type]
    while state.epoch < epochs:
        began = time.perf_counter()
        student.train()
        for _ in walk(update, data, stretch):
            state.sums.seconds += time.perf_counter() - began
            if between is not None and state.step < len(data):
                between(state)
            began = time.perf_counter()
        if average and state.averaged:
            with seeded(seed, "average", state.epoch + 1, team.rank, device=device):
                refresh(average, state.averaged, partial(data.epoch, state.epoch + 1), team)
        sums = state.end_epoch()
        yield Epoch(
            number=state.epoch,
            loss=float(sums.loss) / sums.images,
            learning_rate=state.optimizer.param_groups[0]["lr"],
            seconds=sums.seconds + time.perf_counter() - began,
            skipped=sums.skipped,
            model=state.averaged.module if state.averaged and state.averaged.n_averaged > 0 else student,
            state=state,
        )
