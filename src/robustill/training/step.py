"""One training step up to its gradient: the attack, the perturbation of the weights, the loss and its backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor, nn

from robustill.attacks.base import Attack
from robustill.folding import folded
from robustill.objectives.base import Method
from robustill.objectives.line import Line
from robustill.team import ALONE, Team
from robustill.training.awp import AWP
from robustill.training.checkpointing import Checkpointed
from robustill.training.distributed import Outer, agree, parts, unjoined
from robustill.types import Images, Labels, Scalar
from robustill.winograd import shortened


class Descent(NamedTuple):
    """What a step found.

    Attributes:
        loss: the mean over the images of the whole batch.
        lines: on which it was taken: a line for each of this process's parts of the batch, of constants now.
        images: how many the batch has.
    """

    loss: Scalar
    lines: tuple[Line, ...]
    images: int


PORTION = {"float32": 32, "bfloat16": 128}
"""So many images are attacked at once on a CPU, and anywhere where memory is to be saved. More would take no less time,
and in large networks their feature maps are larger than what a CPU's allocator keeps (``allocation.KEPT``).
"""

Descend = Callable[..., Descent]
"""From images, labels, progress and generator to a descent, whose gradient is then in the student's empty ``.grad``."""


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
    accumulate: int = 1,
    gradient_checkpointing: bool = False,
    team: Team = ALONE,
    outer: nn.Module | None = None,
) -> Descent:
    """The mean loss of a batch, whose gradient is added to the student's ``.grad``. Arguments as in ``fit``.

    ``x`` and ``y`` are this process's share of the batch; ``outer`` is the student's outer step, joined with the team.
    """
    outer = outer or Outer(student, method)
    images = team.total(len(x))
    own = parts(x, y, images=images, accumulate=accumulate, team=team)
    # Three contexts, not one: autocast keeps its bfloat16 copies of the weights until it is left
    mixed = partial(torch.autocast, x.device.type, torch.bfloat16, enabled=precision == "bfloat16")
    by_image = method.attack_mode == "eval"
    searched = (student, teacher, natural_teacher) if by_image else (teacher, natural_teacher)
    networks = [network for network in searched if network is not None]
    wide = networks if precision == "float32" else ()
    divided = by_image and (gradient_checkpointing or x.device.type == "cpu")
    most = PORTION[precision] if divided else len(x)
    attacked = partial(
        method.attacked,
        Checkpointed(student) if gradient_checkpointing else student,
        teacher,
        attack=attack,
        natural_teacher=natural_teacher,
        progress=progress,
        label_smoothing=label_smoothing,
        generator=generator,
    )
    searches = [part.noisy_portions(most, generator) for part in own]
    lines = []
    for search in searches:
        found = []
        with mixed(), folded(networks, x), shortened(wide):
            for portion, noise in search:
                with noise:
                    found.append(attacked(portion.x, portion.y))
        lines.append(Line.joined(found))
    shares = [part.share for part in own]

    def feared(weights: Sequence[nn.Parameter]) -> Sequence[Tensor]:
        sums = [torch.zeros_like(weight) for weight in weights]
        for line, share in zip(lines, shares, strict=True):
            with mixed():
                loss = share * method(line.renewed()).mean()
            torch._foreach_add_(sums, torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True))
        team.add_up(sums)
        return sums

    losses = []
    with perturbation(student, feared, progress) if perturbation else nullcontext():
        passes: list[tuple[Line | None, float]] = [*zip(lines, shares, strict=True)] or [(None, 0.0)]
        for number, arguments in enumerate(passes, 1):
            with nullcontext() if number == len(passes) else unjoined(outer):
                with mixed():
                    loss = outer(*arguments)
                (team.size * loss).backward()  # the team takes the mean, and the shares add up to 1
            losses.append(loss.detach())
    total = torch.stack(losses).sum()
    team.add_up([total])
    agree(student, team, sum(shares))
    return Descent(total, tuple(line.settled() for line in lines), images)
