"""Steps that are not finite: whether one is, what in it is not, and its batch on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from robustill.files import replacing
from robustill.objectives.base import Method
from robustill.objectives.line import Line
from robustill.team import Team
from robustill.training.state import State
from robustill.types import Scalar

NAMED = 3
"""How many parts a message names before it counts the rest."""


@dataclass(eq=False, repr=False)
class NonFinite(FloatingPointError):
    """A step whose loss or gradient is not finite, before anything was changed by it.

    Attributes:
        epoch, step: both counted from 1.
        parts: what is not finite, in words: terms of the method, or gradients.
        batch: images x, labels y and, if there was an attack, x_adv; of the whole team.
        state: as it was before the step.
    """

    epoch: int
    step: int
    parts: tuple[str, ...]
    batch: Mapping[str, Tensor]
    state: State

    def __str__(self) -> str:
        more = f" and {len(self.parts) - NAMED} more" if len(self.parts) > NAMED else ""
        return (
            "A training step must have a finite loss and finite gradients. Found not to be finite in epoch "
            f"{self.epoch}, step {self.step}: {', '.join(self.parts[:NAMED])}{more}. Train with a lower learning rate, "
            "in float32, with a smaller weight of the added term, or let a few such steps be skipped (skip_nonfinite)."
        )


def is_finite(loss: Scalar, student: nn.Module) -> Tensor:
    """Whether the loss and every gradient are finite: a boolean on their device, which nobody has waited for."""
    gradients = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
    return loss.isfinite() & nn.utils.get_total_norm(gradients, float("inf")).isfinite()


def not_finite(method: Method, lines: Sequence[Line], student: nn.Module, team: Team) -> tuple[str, ...]:
    """What of a step is not finite, in words; the earliest of: what went in, the parts of the loss, the gradients.

    The lines are those of the step, so their logits are there and no network is asked.
    """
    with torch.no_grad():
        own = [[_broken(stage) for stage in _stages(method, line, student)] for line in lines]
    everyone = [stages for one in team.each(own) for stages in one]
    for names in (dict.fromkeys(chain(*stage)) for stage in zip(*everyone, strict=True)):
        if names:
            return tuple(names)
    return ("the loss",)  # of a term that answers otherwise when it is asked again


def batch_of(lines: Sequence[Line], team: Team) -> dict[str, Tensor]:
    """The images x, their labels y and, if there was an attack, x_adv of all parts of a batch, on the CPU."""
    own = [{"x": line.x, "y": line.y} | ({} if line.x_adv is None else {"x_adv": line.x_adv}) for line in lines]
    found = [part for one in team.each([{k: v.cpu() for k, v in part.items()} for part in own]) for part in one]
    return {name: torch.cat([part[name] for part in found]) for name in found[0]}


def _broken(stage: Iterable[tuple[str, Tensor]]) -> tuple[str, ...]:
    return tuple(name for name, value in stage if not value.isfinite().all())


def _stages(method: Method, line: Line, student: nn.Module) -> Iterator[Iterable[tuple[str, Tensor]]]:
    """What may not be finite, in the order in which it comes to be."""
    yield [("the images", line.x)]
    yield [] if line.x_adv is None else [("the adversarial images", line.x_adv)]
    yield _terms(method, line)
    yield _sum(method, line)
    yield _gradients(student)


def _terms(method: Method, line: Line) -> Iterator[tuple[str, Tensor]]:
    yield repr(replace(method, terms=())), method.outer(line)
    for term in method.terms:
        yield repr(term), term(line)


def _sum(method: Method, line: Line) -> Iterator[tuple[str, Tensor]]:
    yield repr(method.weight) if method.weight else "the sum of all terms", method(line).mean()


def _gradients(student: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in student.named_parameters():
        if parameter.grad is not None:
            yield f"the gradient of {name}", parameter.grad


def save_failure(folder: Path, failure: NonFinite) -> Path:
    """Writes the batch, with epoch, step and parts as metadata."""
    notes = {"epoch": str(failure.epoch), "step": str(failure.step), "not finite": ", ".join(failure.parts)}
    written = folder / f"failure-{failure.epoch:04}-{failure.step:05}.safetensors"
    with replacing(written) as temporary:
        temporary.write_bytes(save({name: value.contiguous() for name, value in failure.batch.items()}, notes))
    return written
