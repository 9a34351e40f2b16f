"""How APGD steps: in Linf and L2 by halving, in L1 along few pixels. The formulas' sources are those of ``apgd``."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from robustill.attacks.budgets import L2, Budget, Linf
from robustill.attacks.l1_box import shrinkage
from robustill.attacks.search import Mask, column
from robustill.types import Images, PerSample

RISES = 0.75
"""ρ: a size is kept if the loss rose in more than this share of the steps."""
SPARSER = 1.5
"""A sparse step changes so many times fewer pixel values than the best point does."""


class Pace(ABC):
    """Steps of a search in one norm; remembers what it must of each image."""

    @abstractmethod
    def step(self, x: Images, x_adv: Images, previous: Images, gradient: Images, *, momentum: float) -> Images:
        """The next point, in the ball and in [0, 1]."""

    @abstractmethod
    def look_back(self, loss: PerSample, best_loss: PerSample, best_delta: Images) -> Mask | None:
        """After each step: which images go back to their best point; None where it is no time to tell."""

    def keep(self, stay: Mask) -> None:
        """Forgets the images that left the search."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value[stay])


class Halving(Pace):
    """Linf and L2: a size for each image, at first the ball's diameter; looks back ever more often."""

    def __init__(self, x: Images, budget: Budget, steps: int) -> None:
        self.budget = budget
        # Truncated as the authors truncate: at 100 steps every 22, 19, 16, ... and in the end every 6.
        self.window, self.shrink, self.shortest = (max(int(share * steps), 1) for share in (0.22, 0.03, 0.06))
        self.taken = 0
        self.low, self.high = (x - budget.radius).clamp_min(0), (x + budget.radius).clamp_max(1)
        self.size = x.new_full((len(x),), 2 * budget.radius)
        # The authors compare the first loss with one that is not there yet, zero: it counts as a rise if positive.
        self.last_loss, self.rises, self.checked = x.new_zeros(3, len(x)).unbind(0)
        self.halved = torch.ones(len(x), dtype=torch.bool, device=x.device)

    def step(self, x: Images, x_adv: Images, previous: Images, gradient: Images, *, momentum: float) -> Images:
        steepest = gradient.sign() if isinstance(self.budget, Linf) else _unit(gradient)
        z = self._project(x, steepest.mul_(column(self.size)).add_(x_adv))
        # x_adv + (1 - momentum) (z - x_adv) + momentum (x_adv - previous), in the memory of z
        return self._project(x, z.sub_(x_adv).mul_(1 - momentum).add_(x_adv).add_((x_adv - previous).mul_(momentum)))

    def look_back(self, loss: PerSample, best_loss: PerSample, best_delta: Images) -> Mask | None:
        self.rises, self.last_loss = self.rises + (loss > self.last_loss), loss
        self.taken += 1
        if self.taken < self.window:
            return None
        stalled = ~self.halved & (self.checked >= best_loss)
        self.halved = (self.rises <= RISES * self.window) | stalled
        self.size = torch.where(self.halved, self.size / 2, self.size)
        self.checked, self.rises, self.taken = best_loss, torch.zeros_like(self.rises), 0
        self.window = max(self.window - self.shrink, self.shortest)
        return self.halved

    def _project(self, x: Images, point: Images) -> Images:
        if isinstance(self.budget, Linf):
            return point.clamp_(self.low, self.high)
        return (x + self.budget.project(point - x)).clamp(0, 1)


class Sparse(Pace):
    """L1: signs of the largest gradients, together of length ``size``; after each step the support is counted anew."""

    def __init__(self, x: Images, begin: Images, radius: float, steps: int) -> None:
        self.radius = radius
        self.window, self.taken = max(int(0.04 * steps), 1), 0
        self.size = x.new_full((len(x),), radius)
        self.support = _support(begin - x)
        self.share = self.support / x[0].numel() / SPARSER

    def step(self, x: Images, x_adv: Images, previous: Images, gradient: Images, *, momentum: float) -> Images:
        magnitude = gradient.flatten(1).abs()
        pixels = magnitude.shape[1]
        least = ((1 - self.share) * pixels).clamp(0, pixels - 1).long()
        threshold = magnitude.sort(dim=1).values.gather(1, least[:, None])
        direction = (gradient.flatten(1).sign() * (magnitude >= threshold)).view_as(x)
        count = direction.flatten(1).abs().sum(1) + 1e-10
        point = x_adv + column(self.size) * direction / column(count)
        delta = point - x
        return x + delta + shrinkage(delta, x, self.radius)

    def look_back(self, loss: PerSample, best_loss: PerSample, best_delta: Images) -> Mask | None:
        self.taken += 1
        if self.taken < self.window:
            return None
        support = _support(best_delta)
        sparser = support / self.support < 0.95
        slower = (self.size / 1.5).clamp(self.radius / 10, self.radius)
        self.size = torch.where(sparser, self.radius, slower)
        self.support, self.share = support, support / best_delta[0].numel() / SPARSER
        self.taken = 0
        return sparser


def _unit(gradient: Images) -> Images:
    # Not ``L2.steepest``: the authors' floor makes steps shorter where a gradient nearly vanishes.
    return gradient / (column(L2(1.0).norm(gradient)) + 1e-12)


def _support(delta: Images) -> PerSample:
    return (delta != 0).flatten(1).sum(1).to(delta.dtype)
