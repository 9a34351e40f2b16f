"""One training step up to its gradient: the attack, the perturbation of the weights, the loss and its backward."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Literal

import torch
from torch import Generator, nn

from robustill.attacks.base import Attack
from robustill.folding import folded
from robustill.objectives.base import Method
from robustill.training.awp import AWP
from robustill.types import Images, Labels, Scalar


def descend(
    student: nn.Module,
    teacher: nn.Module | None,
    x: Images,
    y: Labels,
    *,
    method: Method,
    attack: Attack,
    natural_teacher: nn.Module | None = None,
    perturbation: AWP | None = None,
    label_smoothing: float = 0.0,
    precision: Literal["float32", "bfloat16"] = "float32",
    progress: float = 1.0,
    generator: Generator | None = None,
) -> Scalar:
    """The mean loss of a batch, whose gradient is added to the student's ``.grad``. Arguments as in ``fit``."""
    # Three contexts, not one: autocast keeps its bfloat16 copies of the weights until it is left
    mixed = partial(torch.autocast, x.device.type, torch.bfloat16, enabled=precision == "bfloat16")
    searched = (student, teacher, natural_teacher) if method.attack_mode == "eval" else (teacher, natural_teacher)
    with mixed(), folded([network for network in searched if network is not None], x):
        line = method.attacked(
            student,
            teacher,
            x,
            y,
            attack=attack,
            natural_teacher=natural_teacher,
            progress=progress,
            label_smoothing=label_smoothing,
            generator=generator,
        )

    def feared() -> Scalar:
        with mixed():
            return method(line.renewed()).mean()

    with perturbation(student, feared, progress) if perturbation else nullcontext():
        with mixed():
            loss = method.mean(student, line)
        loss.backward()
    return loss.detach()
