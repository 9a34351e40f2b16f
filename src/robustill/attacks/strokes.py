"""What Square paints next. In Linf a square moves to ±radius in each channel. In L2 and L1 the perturbation is made of
two opposite bumps eta, and a new one takes its budget from another square of the same size.

In L1 the authors' code divides what rounding left of a vanished perturbation by its own tiny length; here nothing is
left. So single images end differently there, given the same noise; in Linf and L2 all end alike.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from robustill.attacks.budgets import L1, L2, Budget
from robustill.attacks.l1_box import project_l1_box
from robustill.attacks.search import Mask, column, rand
from robustill.attacks.windows import Piece, Span, Window, whole
from robustill.types import Images

FLOOR = 1e-12


class Strokes(ABC):
    """The changes of a search, each of the given share of the image."""

    @abstractmethod
    def first(self) -> Images:
        """The images that the search begins with."""

    @abstractmethod
    def size(self, query: int) -> tuple[int, int]:
        """Height and width of the window that is painted."""

    @abstractmethod
    def stroke(self, query: int, best: Images) -> tuple[Window, Piece]:
        """A window, and what becomes of the best images there."""

    @abstractmethod
    def keep(self, stay: Mask) -> None:
        """Forgets the images that left the search."""


class Squares(Strokes):
    """Linf. Where and to which side is drawn at once for all queries: the same numbers, without 5,000 small calls."""

    def __init__(self, x: Images, budget: Budget, shares: Sequence[float], generator: Generator | None) -> None:
        batch, channels, height, width = x.shape
        self.low, self.high = (x - budget.radius).clamp_min(0), (x + budget.radius).clamp_max(1)
        self.stripes = (x + budget.radius * _signs((batch, channels, 1, width), x, generator)).clamp(0, 1)
        noise = rand((len(shares), 2 + channels), x, generator)
        self.sides = [min(max(round(math.sqrt(share * height * width)), 1), height, width) for share in shares]
        ways = torch.tensor([(height - side, width - side) for side in self.sides], device=x.device)
        self.corners: list[list[int]] = (ways * noise[:, :2]).long().tolist()
        self.towards = 2 * budget.radius * (2 * noise[:, 2:, None, None] - 1).sign()

    def first(self) -> Images:
        """Vertical stripes of one pixel, each with ±radius in each channel."""
        return self.stripes

    def size(self, query: int) -> tuple[int, int]:
        return self.sides[query], self.sides[query]

    def stroke(self, query: int, best: Images) -> tuple[Window, Piece]:
        """One square goes to the border of the ball, on a side drawn for each channel."""
        window = Window(*(Span(begin, begin + self.sides[query]) for begin in self.corners[query]))
        moved = window.of(best) + self.towards[query]
        return window, torch.clamp(moved, window.of(self.low), window.of(self.high))

    def keep(self, stay: Mask) -> None:
        self.low, self.high = self.low[stay], self.high[stay]


class Bumps(Strokes):
    """L2 and L1. Every stroke brings the whole perturbation to the ball, so the window is the image."""

    def __init__(self, x: Images, budget: Budget, shares: Sequence[float], generator: Generator | None) -> None:
        self.x, self.budget, self.shares, self.generator = x, budget, shares, generator

    def first(self) -> Images:
        """Bumps side by side, five in a column, with a sign for each image and channel."""
        height, width = self.x.shape[2:]
        side = max(height // 5, 1)
        first = (height - 5 * side) // 2 if height >= 5 else 0
        delta = torch.zeros_like(self.x)
        for top in range(first, first + height // side * side, side):
            for left in range(first, first + width // side * side, side):
                bump = self._signed_bump(side)
                inside = delta[:, :, top : top + side, left : left + side]
                inside += bump[:, :, : inside.shape[2], : inside.shape[3]]
        return self._into(delta)

    def size(self, query: int) -> tuple[int, int]:
        return self.x.shape[2], self.x.shape[3]

    def stroke(self, query: int, best: Images) -> tuple[Window, Piece]:
        """A bump is added to one square, with what another square and the budget's unused rest allow."""
        channels, height, width = self.x.shape[1:]
        side = max(round(math.sqrt(self.shares[query] * height * width)), 3)
        side = min(side + (side % 2 == 0), height, width)
        window, source = self._square(side), self._square(side)
        delta = best - self.x
        both = torch.zeros_like(delta)
        for square in (window, source):
            square.of(both).copy_(square.of(delta))
        mass, unused = _mass(both, self.budget), _mass(delta.flatten(1)[:, None, None], self.budget)
        bump = self._signed_bump(side)
        bump = bump + window.of(delta) / (FLOOR + _mass(window.of(delta), self.budget))
        bump = bump / (FLOOR + _mass(bump, self.budget))
        if isinstance(self.budget, L2):
            bump = bump * ((self.budget.radius**2 - unused**2).clamp_min(0) / channels + mass**2).sqrt()
        else:
            bump = bump * ((self.budget.radius - unused).clamp_min(0) / channels + mass) * channels
        source.of(delta).zero_()
        window.of(delta).copy_(bump)
        return whole(delta), self._into(delta)

    def keep(self, stay: Mask) -> None:
        self.x = self.x[stay]

    def _square(self, side: int) -> Window:
        """A square of the image; the authors draw its corner so that it never touches the far borders."""
        begins = [int((size - side) * rand((1,), self.x, self.generator)) for size in self.x.shape[2:]]
        return Window(*(Span(begin, begin + side) for begin in begins))

    def _signed_bump(self, side: int) -> Tensor:
        upright = bump(side, self.x, self.budget)
        turned = upright.T if rand((1,), self.x, self.generator) > 0.5 else upright
        return turned * _signs((*self.x.shape[:2], 1, 1), self.x, self.generator)

    def _into(self, delta: Images) -> Images:
        """The image with a perturbation brought to the ball: in L2 to its surface, then to the pixels."""
        if isinstance(self.budget, L1):
            delta = project_l1_box(delta, self.x, self.budget.radius * (1 - 1e-6))
        else:
            delta = delta / (column(self.budget.norm(delta)) + FLOOR) * self.budget.radius
        return (self.x + delta).clamp(0, 1)


def bump(side: int, like: Tensor, budget: Budget) -> Tensor:
    """eta: two rectangles of opposite sign, one above the other, each highest in its middle; norm 1."""
    power = 2 if isinstance(budget, L2) else 4
    upper = rectangle(side // 2, side, power, like, budget)
    lower = rectangle(side - side // 2, side, power, like, budget)
    both = torch.cat([upper, -lower])
    return both / _mass(both, budget)


def rectangle(height: int, width: int, power: int, like: Tensor, budget: Budget) -> Tensor:
    """sum over n >= d of (n + 1)^-power at the distance d, in moves of a king, from the middle; norm 1."""
    rings = torch.arange(1, max(height, width) // 2 + 2, dtype=like.dtype, device=like.device) ** -power
    tails = rings.flip(0).cumsum(0).flip(0)
    down = (torch.arange(height, device=like.device) - height // 2).abs()
    across = (torch.arange(width, device=like.device) - width // 2).abs()
    values = tails[torch.maximum(down[:, None], across)]
    return values / _mass(values, budget)


def _mass(patch: Tensor, budget: Budget) -> Tensor:
    """The norm over the last two dimensions, which stay."""
    if isinstance(budget, L2):
        return patch.square().sum((-2, -1), keepdim=True).sqrt()
    return patch.abs().sum((-2, -1), keepdim=True)


def _signs(shape: tuple[int, ...], like: Tensor, generator: Generator | None) -> Tensor:
    return (2 * rand(shape, like, generator) - 1).sign()
