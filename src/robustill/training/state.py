"""What changes while a student is trained, and the same as a dictionary of tensors and numbers to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from robustill.types import Scalar


@dataclass
class Sums:
    """What has been added up over the steps of the epoch at hand.

    Attributes:
        loss: of every image, on the student's device.
        images: how many of them.
        skipped: steps that were not finite, and left out of everything else.
        seconds: of training alone.
    """

    loss: Scalar | float = 0.0
    images: int = 0
    skipped: int = 0
    seconds: float = 0.0


@dataclass
class State:
    """Everything that changes while a student is trained.

    Attributes:
        epoch: how many epochs are finished.
        step: how many steps of the next one are done.
        skipped: how many steps of the whole run were not finite.
    """

    student: nn.Module
    optimizer: torch.optim.Optimizer
    averaged: AveragedModel | None = None
    epoch: int = 0
    step: int = 0
    skipped: int = 0
    sums: Sums = field(default_factory=Sums)

    def end_epoch(self) -> Sums:
        """Counts the epoch at hand as finished, and gives its sums."""
        sums, self.sums = self.sums, Sums()
        self.epoch, self.step = self.epoch + 1, 0
        return sums

    def state_dict(self) -> dict[str, Any]:
        """Everything by name. The tensors are the living ones, not copies."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "skipped": self.skipped,
            "sums": dict(vars(self.sums)),
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged else None,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continues from what ``state_dict`` gave; one without a step, of an older version, is an epoch's end.

        The optimizer goes on from its momentum, with the options that it was built with.

        Raises:
            ValueError: that was the state of another network or another optimizer.
        """
        try:
            self.student.load_state_dict(saved["student"])
            chosen = [dict(group) for group in self.optimizer.param_groups]
            self.optimizer.load_state_dict(saved["optimizer"])
            for group, options in zip(self.optimizer.param_groups, chosen, strict=True):
                group.update(options)  # PyTorch takes the saved ones; the parameters are the same in both
            if (self.averaged is None) != (saved["averaged"] is None):
                raise ValueError("a weight average on one side only")
            if self.averaged:
                self.averaged.load_state_dict(saved["averaged"])
            self.epoch, self.step, self.skipped = saved["epoch"], saved.get("step", 0), saved.get("skipped", 0)
            self.sums = Sums(**saved.get("sums", {}))
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise ValueError(
                "A run continues with the network, optimizer and weight average it began with. Found: the state of "
                f"others ({type(error).__name__}). Put the settings back, or start again."
            ) from error
