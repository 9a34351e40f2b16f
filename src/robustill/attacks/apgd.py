"""Croce, Hein: Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks.
ICML 2020, arXiv 2003.01690: APGD, gradient ascent with momentum that sets its own step.

    z      <- project( x' + size * steepest(grad loss(x')) )
    x'_new <- project( x' + 3/4 (z - x') + 1/4 (x' - x'_old) )

From time to time the search looks back. Where the loss rose in too few of the steps, or neither the best loss nor the
size changed since the last look, the size is halved and the search goes on from the best point.

For L1: Croce, Hein: Mind the Box, ICML 2021, arXiv 2103.01208. Steps go along the few pixels with the largest gradient,
as many as the best point so far suggests; the search begins in balls of three and two times the radius.

Where the paper and the authors' code differ, this follows the code, so that verdicts are those of the literature.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import repeat
from typing import NamedTuple

import torch
from torch import Generator, nn

from robustill.attacks.base import Adversary, frozen
from robustill.attacks.budgets import L1, Budget, Linf
from robustill.attacks.l1_box import shrinkage
from robustill.attacks.losses import CrossEntropy, LogitLoss, TargetedDLR, TargetedLoss
from robustill.attacks.pace import Halving, Pace, Sparse
from robustill.attacks.search import Mask, Rows, Search, classify, column, conquer, rand, randn, slope, targets_of
from robustill.limits import require_steps, require_targets
from robustill.types import Images, Labels, Logits, PerSample


class APGD(Adversary):
    """Climbs a loss of the logits; an image that withstood comes back as it was.

    Attributes:
        budget: the ball to search.
        steps: gradients a restart.
        loss: CrossEntropy() is APGD-CE, DLR() is APGD-DLR.
        restarts: searches from another start, of the images that still stand.
    """

    budget: Budget
    steps: int = 100
    loss: LogitLoss = CrossEntropy()
    restarts: int = 1

    def __post_init__(self) -> None:
        require_steps("APGD", self.steps)
        if self.restarts < 1:
            raise ValueError(f"APGD requires at least 1 restart, the first search. Found: restarts={self.restarts}.")

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        def search(rows: Rows) -> tuple[Images, Mask]:
            label = y[rows]
            sight = Sight(model, lambda logits, row: self.loss(logits, label[row]), label)
            return run(sight, x[rows], self.budget, self.steps, generator)

        with frozen(model):
            x = x.detach()
            return conquer(x, classify(model, x).argmax(1) == y, repeat(search, self.restarts))


class TargetedAPGD(Adversary):
    """APGD-T: one search for each of the likeliest wrong classes; an image that withstood comes back as it was.

    Attributes:
        budget: the ball to search.
        steps: gradients a target.
        loss: what is climbed; TargetedMargin() for networks of fewer than four classes.
        targets: how many wrong classes, the likeliest first; at most all of them.
    """

    budget: Budget
    steps: int = 100
    loss: TargetedLoss = TargetedDLR()
    targets: int = 9

    def __post_init__(self) -> None:
        require_steps("TargetedAPGD", self.steps)
        require_targets("TargetedAPGD", self.targets)

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        with frozen(model):
            x = x.detach()
            standing, targets = targets_of(model, x, y, self.targets)

            def towards(target: Labels) -> Search:
                def search(rows: Rows) -> tuple[Images, Mask]:
                    label, aim = y[rows], target[rows]
                    sight = Sight(model, lambda logits, row: self.loss(logits, label[row], aim[row]), label)
                    return run(sight, x[rows], self.budget, self.steps, generator)

                return search

            return conquer(x, standing, map(towards, targets))


class Sight(NamedTuple):
    """The model as the search sees it: ``loss`` takes the logits of some rows, and which rows they are."""

    model: nn.Module
    loss: Callable[[Logits, Rows], PerSample]
    y: Labels

    def look(self, x_adv: Images, rows: Rows, *, climb: bool) -> tuple[PerSample, Images, Mask]:
        """Loss, its gradient (zero where none is asked for) and whether the model errs."""
        if climb:
            logits, loss, gradient = slope(self.model, x_adv, lambda logits, some: self.loss(logits, rows[some]))
        else:
            logits, gradient = classify(self.model, x_adv), torch.zeros_like(x_adv)
            loss = self.loss(logits, rows)
        return loss, gradient, logits.argmax(1) != self.y[rows]


def run(sight: Sight, x: Images, budget: Budget, steps: int, generator: Generator | None) -> tuple[Images, Mask]:
    """One search from one start: the last adversarial example of each image, and for which there is one."""
    if isinstance(budget, L1):
        first, second = 2 * [math.ceil(0.3 * steps)]
        x_adv = x + randn(x.shape, x, generator)
        x_adv = x_adv + shrinkage(x_adv - x, x, 3 * budget.radius)  # once more than is needed: see ``shrinkage``
        for times, count in ((3, first), (2, second), (1, max(steps - first - second, 1))):
            randn(x.shape, x, generator)  # drawn and not used by the authors; the next restart's noise depends on it
            radius = times * budget.radius
            x_adv = (x_adv + shrinkage(x_adv - x, x, radius)).clamp(0, 1)
            x_adv, fooled = ascend(sight, x, x_adv, Sparse(x, x_adv, radius, count), count, final=times == 1)
        return x_adv, fooled
    begin = _start(x, budget, generator)
    return ascend(sight, x, begin, Halving(x, budget, steps), steps, final=True)


def ascend(sight: Sight, x: Images, begin: Images, pace: Pace, steps: int, *, final: bool) -> tuple[Images, Mask]:
    """The loop that all norms share.

    In the ``final`` stage an image leaves the search once the model errs on it: no other image's search depends on it.

    Returns:
        The adversarial examples, or before the final stage the points of highest loss; and on which the model erred.
    """
    rows = torch.arange(len(x), device=x.device)
    x_adv = previous = best = begin
    best_loss, gradient, wrong = sight.look(begin, rows, climb=True)
    best_gradient = gradient
    found, fooled = begin.clone(), wrong.clone()
    for step in range(steps):
        if final and wrong.any():
            stay = ~wrong
            rows, x, x_adv, previous, gradient = (t[stay] for t in (rows, x, x_adv, previous, gradient))
            best, best_gradient, best_loss = best[stay], best_gradient[stay], best_loss[stay]
            pace.keep(stay)
        if not len(rows):
            break
        x_adv, previous = pace.step(x, x_adv, previous, gradient, momentum=0.25 if step else 0.0), x_adv
        loss, gradient, wrong = sight.look(x_adv, rows, climb=step < steps - 1)
        found[rows[wrong]] = x_adv[wrong]
        fooled[rows[wrong]] = True
        better = loss > best_loss
        best, best_gradient = _where(better, x_adv, best), _where(better, gradient, best_gradient)
        best_loss = torch.where(better, loss, best_loss)
        back = pace.look_back(loss, best_loss, best - x)
        if back is not None:
            x_adv, gradient = _where(back, best, x_adv), _where(back, best_gradient, gradient)
    return found if final else best, fooled


def _start(x: Images, budget: Budget, generator: Generator | None) -> Images:
    """A point of the ball's surface, clipped to [0, 1]."""
    noise = 2 * rand(x.shape, x, generator) - 1 if isinstance(budget, Linf) else randn(x.shape, x, generator)
    return (x + budget.radius * (noise / (column(budget.norm(noise)) + 1e-12))).clamp(0, 1)


def _where(mask: Mask, yes: Images, no: Images) -> Images:
    return torch.where(column(mask), yes, no)
