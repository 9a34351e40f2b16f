"""Andriushchenko, Croce, Flammarion, Hein: Square Attack: a query-efficient black-box adversarial attack via
random search. ECCV 2020, arXiv 1912.00049.

A square of the image is changed at random; the change stays if the margin z_y - max_{i≠y} z_i falls. Squares shrink as
the search goes on. In Linf a square moves to ±radius in each channel. In L2 and L1 the perturbation is made of two
opposite bumps eta, and a new one takes its budget from another square of the same size.

In L1 the authors' code divides what rounding left of a vanished perturbation by its own tiny length; here nothing is
left. So single images end differently there, given the same noise; in Linf and L2 all end alike.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from robustill.attacks.base import Adversary, frozen
from robustill.attacks.budgets import L1, L2, Budget, Linf
from robustill.attacks.l1_box import project_l1_box
from robustill.attacks.losses import margin
from robustill.attacks.search import Mask, Rows, classify, column, conquer, rand
from robustill.types import Images, Labels

SHRINKS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After each of these queries the squares cover half as much."""
FLOOR = 1e-12


class Square(Adversary):
    """A random search that sees nothing but logits; an image that withstood comes back as it was.

    One square is drawn for all images that still stand, as in the authors' code, so what is found depends a little on
    which images are attacked together.

    Attributes:
        budget: the ball to search.
        queries: how many changes are tried.
        share: of the image, that the first squares cover.
    """

    budget: Budget
    queries: int = 5000
    share: float = 0.8

    def __post_init__(self) -> None:
        if self.queries < 1 or not 0 < self.share <= 1:
            raise ValueError(
                "Square requires at least 1 query and a share in (0, 1]. "
                f"Found: queries={self.queries}, share={self.share}."
            )

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        def search(rows: Rows) -> tuple[Images, Mask]:
            return self._run(model, x[rows].detach(), y[rows], generator)

        with frozen(model), torch.no_grad():
            return conquer(x, classify(model, x).argmax(1) == y, [search])

    def _run(self, model: nn.Module, x: Images, y: Labels, generator: Generator | None) -> tuple[Images, Mask]:
        stripes = _stripes if isinstance(self.budget, Linf) else _tiles
        change = _move_square if isinstance(self.budget, Linf) else _move_mass
        rows = torch.arange(len(x), device=x.device)
        best = stripes(x, self.budget, generator)
        lead = margin(classify(model, best), y)
        found, fooled = best.clone(), lead <= 0
        stay = ~fooled
        for query in range(self.queries):
            if not stay.all():
                rows, x, y, best, lead = (kept[stay] for kept in (rows, x, y, best, lead))
            if not len(rows):
                break
            share = self.share / 2 ** sum(query > last for last in SHRINKS)
            tried = change(x, best, share, self.budget, generator)
            trial = margin(classify(model, tried), y)
            better, stay = (trial < lead) | (trial <= 0), trial > 0
            best, lead = torch.where(column(better), tried, best), torch.where(better, trial, lead)
            found[rows[~stay]], fooled[rows[~stay]] = tried[~stay], True
        return found, fooled


def _stripes(x: Images, budget: Budget, generator: Generator | None) -> Images:
    """Linf: vertical stripes of one pixel, each with ±radius in each channel."""
    batch, channels, _, width = x.shape
    return (x + budget.radius * _signs((batch, channels, 1, width), x, generator)).clamp(0, 1)


def _move_square(x: Images, best: Images, share: float, budget: Budget, generator: Generator | None) -> Images:
    """Linf: one square goes to the border of the ball, on a side drawn for each channel."""
    channels, height, width = x.shape[1:]
    side = min(max(round(math.sqrt(share * height * width)), 1), height, width)
    window = _window(x, side, generator)
    tried = best.clone()
    towards = 2 * budget.radius * _signs((channels, 1, 1), x, generator)
    centre = x[window]
    tried[window] = (tried[window] + towards).clamp(centre - budget.radius, centre + budget.radius).clamp(0, 1)
    return tried


def _tiles(x: Images, budget: Budget, generator: Generator | None) -> Images:
    """L2 and L1: bumps side by side, five in a column, with a sign for each image and channel."""
    batch, channels, height, width = x.shape
    side = max(height // 5, 1)
    first = (height - 5 * side) // 2 if height >= 5 else 0
    delta = torch.zeros_like(x)
    for top in range(first, first + height // side * side, side):
        for left in range(first, first + width // side * side, side):
            bump = _bump(side, x, budget, generator) * _signs((batch, channels, 1, 1), x, generator)
            inside = delta[:, :, top : top + side, left : left + side]
            inside += bump[:, :, : inside.shape[2], : inside.shape[3]]
    return _into(x, delta, budget)


def _move_mass(x: Images, best: Images, share: float, budget: Budget, generator: Generator | None) -> Images:
    """L2 and L1: a bump is added to one square, with what another square and the budget's unused rest allow."""
    batch, channels, height, width = x.shape
    side = max(round(math.sqrt(share * height * width)), 3)
    side = min(side + (side % 2 == 0), height, width)
    window, source = _window(x, side, generator), _window(x, side, generator)
    delta = best - x
    both = torch.zeros_like(delta)
    both[window], both[source] = delta[window], delta[source]
    mass, unused = _mass(both, budget), _mass(delta.flatten(1)[:, None, None], budget)
    bump = _bump(side, x, budget, generator) * _signs((batch, channels, 1, 1), x, generator)
    bump = bump + delta[window] / (FLOOR + _mass(delta[window], budget))
    bump = bump / (FLOOR + _mass(bump, budget))
    if isinstance(budget, L2):
        bump = bump * ((budget.radius**2 - unused**2).clamp_min(0) / channels + mass**2).sqrt()
    else:
        bump = bump * ((budget.radius - unused).clamp_min(0) / channels + mass) * channels
    delta[source] = 0
    delta[window] = bump
    return _into(x, delta, budget)


def _bump(side: int, like: Tensor, budget: Budget, generator: Generator | None) -> Tensor:
    """eta: two rectangles of opposite sign, upright or lying, each highest in its middle; norm 1."""
    power = 2 if isinstance(budget, L2) else 4
    upper = _rectangle(side // 2, side, power, like, budget)
    lower = _rectangle(side - side // 2, side, power, like, budget)
    bump = torch.cat([upper, -lower])
    bump = bump / _mass(bump, budget)
    return bump.T if rand((1,), like, generator) > 0.5 else bump


def _rectangle(height: int, width: int, power: int, like: Tensor, budget: Budget) -> Tensor:
    """sum over n >= d of (n + 1)^-power at the distance d, in moves of a king, from the middle; norm 1."""
    rings = torch.arange(1, max(height, width) // 2 + 2, dtype=like.dtype, device=like.device) ** -power
    tails = rings.flip(0).cumsum(0).flip(0)
    down = (torch.arange(height, device=like.device) - height // 2).abs()
    across = (torch.arange(width, device=like.device) - width // 2).abs()
    values = tails[torch.maximum(down[:, None], across)]
    return values / _mass(values, budget)


def _into(x: Images, delta: Images, budget: Budget) -> Images:
    """The image with a perturbation brought to the ball: in L2 to its surface, then to the pixels."""
    if isinstance(budget, L1):
        return (x + project_l1_box(delta, x, budget.radius * (1 - 1e-6))).clamp(0, 1)
    return (x + delta / (column(budget.norm(delta)) + FLOOR) * budget.radius).clamp(0, 1)


def _mass(patch: Tensor, budget: Budget) -> Tensor:
    """The norm over the last two dimensions, which stay."""
    if isinstance(budget, L2):
        return patch.square().sum((-2, -1), keepdim=True).sqrt()
    return patch.abs().sum((-2, -1), keepdim=True)


def _window(x: Images, side: int, generator: Generator | None) -> tuple[slice, slice, slice, slice]:
    """A square of the image; the authors draw its corner so that it never touches the far borders."""
    top, left = (int((size - side) * rand((1,), x, generator)) for size in x.shape[2:])
    return slice(None), slice(None), slice(top, top + side), slice(left, left + side)


def _signs(shape: tuple[int, ...], like: Tensor, generator: Generator | None) -> Tensor:
    return (2 * rand(shape, like, generator) - 1).sign()
