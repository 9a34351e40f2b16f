"""What is left of a study costs: in student forwards, which are counted, and in hours here, which are estimated.

A forward of one image in the network at hand is one unit. What training takes is counted (:mod:`robustill.cost`); what
measuring takes is the most that an image can take, for AutoAttack times the share of images that is taken to withstand.
Hours come from what finished runs of the same network recorded, else from one step that is measured now.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import torch
from torch import nn

from robustill.attacks import AutoAttack
from robustill.cost import cost
from robustill.data.seeds import generator
from robustill.evaluation import Surrogate, adversaries_named, passes
from robustill.evaluation.curve import withstood
from robustill.methods.pgd_at import PGDAT
from robustill.models import create_model
from robustill.prepare import choose_device
from robustill.reproduce.frames import frame, macs
from robustill.reproduce.measuring import BUDGET
from robustill.reproduce.subjects import Measuring, Subject
from robustill.reproduce.work import Work
from robustill.results import RunDirectory
from robustill.team import ALONE
from robustill.training import choose_precision
from robustill.training.acceleration import accelerated
from robustill.training.graph import recordable
from robustill.training.step import Descend, descend
from robustill.yardstick import INNER_STEPS, inner_attack

STANDS = 0.5
"""The share of the images that is taken to withstand AutoAttack, whose work is theirs alone."""
STEP = 1e11
"""Multiply-accumulates of the step that is measured on a CPU where no run is finished: seconds."""


@dataclass(frozen=True)
class Estimate:
    """What is left of one network.

    Attributes:
        work: the network.
        training, measuring: in forwards of one image.
        seconds: both together, on this machine.
    """

    work: Work
    training: float
    measuring: float
    seconds: float

    @property
    def units(self) -> float:
        return self.training + self.measuring

    @property
    def state(self) -> str:
        run = self.work.subject.run
        if self.work.finished:
            return "finished"
        if run is None or self.work.trained:
            return "to be measured"
        done = len(RunDirectory(self.work.directory).metrics())
        return f"epoch {done} of {run.epochs}" if done else "left"


def estimates(works: Sequence[Work]) -> tuple[list[Estimate], list[str]]:
    """Every network, with a sentence for each architecture about where its speed is from."""
    speeds = {key: _speed(key, of) for key, of in _by_architecture(works).items()}
    rows = []
    for one in works:
        training, measuring = units_left(one), sum(measured_units(m) for m in one.missing)
        # One that is there already is as fast as the others, by its multiply-accumulates
        seconds, size = speeds.get(_key(one.subject), next(iter(speeds.values()), (0.0, 1.0, "")))[:2]
        rate = seconds * macs(one.subject) / size
        rows.append(Estimate(one, training, measuring, rate * (training + measuring)))
    return rows, [text for *_, text in speeds.values()]


def units_left(work: Work) -> float:
    """Forwards of one image that training still takes."""
    run = work.subject.run
    if run is None:
        return 0.0
    epochs = run.epochs - len(RunDirectory(work.directory).metrics())
    return epochs * epoch_units(work.subject)


def epoch_units(subject: Subject) -> float:
    """Forwards of one image that an epoch takes, without its validation."""
    run, teacher = subject.run, subject.teacher
    assert run is not None
    ratio = macs(teacher) / macs(subject) if teacher else 0.0
    step = cost(run.method, run.attack, perturbation=run.perturbation, label_smoothing=run.label_smoothing)
    return step.units(ratio) * (frame(subject.images).training - run.validation)


def measured_units(measuring: Measuring) -> float:
    """Forwards of one image that a sheet takes."""
    sheet, subject = measuring.sheet, measuring.subject
    assert sheet is not None
    own = macs(subject)
    ratio = macs(measuring.teacher) / own if measuring.teacher and sheet.needs_teacher else 0.0
    other = Surrogate(nn.Identity(), "") if sheet.surrogate else None
    surrogate = macs(measuring.surrogate) / own if measuring.surrogate and sheet.surrogate else 1.0
    total = 2.0 * (1 + ratio) if sheet.agreement else 0.0
    for name, adversary in adversaries_named(sheet.attacks, BUDGET, surrogate=other).items():
        radii = 1 + withstood(sum(radius != BUDGET.radius for radius in sheet.eps)) if sheet.eps else 1
        share = STANDS if isinstance(adversary, AutoAttack) else 1.0
        total += passes(adversary) * radii * share * (surrogate if name.startswith("vmi") else 1.0)
    if "remainder" in sheet.measures:
        total += 10 + 2 * INNER_STEPS + 1
    if "distance" in sheet.measures:
        method = subject.run.method if subject.run else PGDAT()
        found = cost(replace(method, terms=()), inner_attack(None, BUDGET))
        total += found.inner_student.units + 3 + ratio * (found.inner_teacher.units + 3)
    return total * sheet.samples


def _key(subject: Subject) -> str:
    return repr(subject.run.student) if subject.run else ""


def _by_architecture(works: Iterable[Work]) -> dict[str, list[Work]]:
    found: dict[str, list[Work]] = {}
    for one in works:
        if one.subject.run is not None:
            found.setdefault(_key(one.subject), []).append(one)
    return found


def _speed(name: str, works: Sequence[Work]) -> tuple[float, float, str]:
    """Seconds of a forward of one image, its multiply-accumulates, and where that is from."""
    recorded = []
    for one in works:
        rows = RunDirectory(one.directory).metrics()
        if rows:
            recorded.append(median(row["seconds"] for row in rows) / epoch_units(one.subject))
    size = macs(works[0].subject)
    if recorded:
        return (
            median(recorded),
            size,
            f"{name}: {1e6 * median(recorded):.3g} µs a forward, of {len(recorded)} runs here",
        )
    seconds = step_seconds(works[0].subject)
    return seconds, size, f"{name}: {1e6 * seconds:.3g} µs a forward, of one PGD-AT step measured now"


def step_seconds(subject: Subject) -> float:
    """Seconds of a forward of one image, from a training step on noise, on this machine.

    The first step allocates and does not count, nor the one that is recorded as a CUDA graph. On one CPU thread it is
    that thread's own time, whatever else the machine does meanwhile.
    """
    run, images = subject.run, frame(subject.images)
    assert run is not None
    device = choose_device("auto")
    precision = choose_precision(run.precision, device)
    units = cost(PGDAT(), run.attack).units(0.0)
    affordable = run.batch_size if device.type == "cuda" else int(STEP / (macs(subject) * units))
    batch = max(1, min(run.batch_size, affordable))
    x = torch.rand(batch, *images.shape, generator=torch.Generator().manual_seed(0)).to(device)
    y = torch.zeros(batch, dtype=torch.int64, device=device)
    student = create_model(run.student, images.classes, in_channels=images.shape[0])
    student = student.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as in training
    before = torch.get_num_threads()
    clock = time.thread_time if device.type == "cpu" and run.threads == 1 else time.perf_counter
    again = run.gradient_checkpointing
    step: Descend = partial(
        descend, student, None, method=PGDAT(), attack=run.attack, precision=precision, gradient_checkpointing=again
    )
    recorded = run.cuda_graphs and recordable(device, ALONE, accumulate=run.accumulate, gradient_checkpointing=again)
    step = accelerated(step, student, cudnn_benchmark=run.cudnn_benchmark, record=recorded)
    torch.set_num_threads(run.threads or before)
    try:
        for _ in range(3 if recorded else 2):
            student.zero_grad()
            began = clock()
            step(x, y, progress=1.0, generator=generator(0, "estimate", device=device))
            if device.type == "cuda":
                torch.cuda.synchronize()
    finally:
        torch.set_num_threads(before)
    return (clock() - began) / (units * batch)
