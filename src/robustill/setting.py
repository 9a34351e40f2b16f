"""What a run is made of once its texts have become networks and images, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from robustill.cost import Cost, cost, forward_macs
from robustill.data import Batches, Dataset
from robustill.data.batches import in_order
from robustill.data.split import Split
from robustill.models import Classifier
from robustill.objectives import Remembered
from robustill.run import Run
from robustill.team import ALONE, Team
from robustill.types import Images


@dataclass(frozen=True)
class Setting:
    """A prepared run. ``run`` is resolved: nothing in it is "auto".

    Attributes:
        left_out: what was asked for and this machine does not have, and so is not done, in words.
        remembered: teacher and second teacher with what they remember, where the run says so.
    """

    run: Run
    dataset: Dataset
    batches: Batches
    validation: Split | None
    student: Classifier
    teacher: Classifier | None
    natural_teacher: Classifier | None = None
    team: Team = ALONE
    left_out: tuple[str, ...] = ()
    remembered: tuple[Remembered | None, Remembered | None] = (None, None)

    @property
    def asked(self) -> tuple[nn.Module | None, nn.Module | None]:
        """Teacher and second teacher as training asks them."""
        return self.remembered[0] or self.teacher, self.remembered[1] or self.natural_teacher

    @property
    def held_out(self) -> int:
        return len(self.validation) if self.validation else 0

    @property
    def device(self) -> torch.device:
        return torch.device(self.run.device)

    @cached_property
    def student_macs(self) -> float:
        """Multiply-accumulates of a student forward, for one image."""
        return forward_macs(self.student, self.image)

    @cached_property
    def teacher_ratio(self) -> float:
        """A teacher forward in student forwards; 0 without a teacher."""
        return self._ratio(self.teacher)

    @cached_property
    def natural_ratio(self) -> float:
        """The same of the second teacher."""
        return self._ratio(self.natural_teacher)

    def _ratio(self, teacher: Classifier | None) -> float:
        return forward_macs(teacher, self.image) / self.student_macs if teacher else 0.0

    @cached_property
    def cost(self) -> Cost:
        """The passes of one training step, of the last epoch."""
        return cost_of(self.run)

    @property
    def units(self) -> float:
        """The cost of one training step in student forwards, for each image."""
        return self.cost.units(self.teacher_ratio, self.natural_ratio)

    @property
    def fit_options(self) -> dict[str, Any]:
        """What ``fit`` is told by the run, besides the networks, the batches and the length."""
        run = self.run
        return {
            "method": run.method,
            "attack": run.attack,
            "optimizer": run.optimizer,
            "schedule": run.schedule,
            "natural_teacher": self.asked[1],
            "perturbation": run.perturbation,
            "label_smoothing": run.label_smoothing,
            "clip": run.clip,
            "skip_nonfinite": run.skip_nonfinite,
            "precision": run.precision,
            "compile": run.compile,
            "cuda_graphs": run.cuda_graphs,
            "cudnn_benchmark": run.cudnn_benchmark,
            "seed": run.seed,
            "accumulate": run.accumulate,
            "gradient_checkpointing": run.gradient_checkpointing,
            "team": self.team,
        }

    @property
    def image(self) -> Images:
        """The first image of training."""
        return next(in_order(self.batches.split, 1))[0]


def cost_of(run: Run) -> Cost:
    """The passes of one training step of a run, of the last epoch."""
    return cost(
        run.method,
        run.attack,
        perturbation=run.perturbation,
        label_smoothing=run.label_smoothing,
        remembered=run.remember_teacher,
    )
