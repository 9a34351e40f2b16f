"""The nearest point of a hyperplane inside the pixels [0, 1]: the projection that FAB makes twice in each step.

Croce, Hein: Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack. ICML 2020, arXiv
1907.02044, equation 4.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from robustill.attacks.budgets import L1, Budget, Linf
from robustill.types import PerSample

Points = Float[Tensor, "batch pixels"]

STEPS = 100
"""Newton needs 4 to 10; the bound is there for what is not a number."""
LEAST = 1e-8
"""In L2 and L1 a pixel value with a smaller weight stays where it is, as in the authors' code."""
FAR = 1e12
"""A t beyond every border."""


def nearest_on_hyperplane(point: Points, normal: Points, offset: PerSample, budget: Budget) -> Points:
    """The displacement d, least in the budget's norm, with <normal, d> = -offset and point + d in [0, 1].

    ``offset`` is the value at ``point`` of the affine function whose zeros are the hyperplane. Where the box does not
    meet it, d leads to the corner that comes nearest.

    Every pixel value moves against the sign of its weight, by ``min(t, border)`` in Linf and |weight| times that in L2,
    where at t = border it has become black or white. What is gained is concave in t and made of straight pieces, so
    Newton's method from t = 0 climbs to the answer from below and ends exactly there, without sorting. In L1 the
    heaviest pixel values go all their way, one after the other.
    """
    against = normal * torch.where(offset < 0, 1.0, -1.0)[:, None]
    needed = offset.abs()[:, None].to(point)  # logits may be finer than pixels are
    if not isinstance(budget, Linf):
        against.mul_(_over(against.abs(), LEAST))
    room = _over(against, 0).sub_(point).abs_()
    heavy = against.abs()
    if isinstance(budget, L1):
        return against.sign() * _fill(heavy, room, needed)
    if isinstance(budget, Linf):
        return against.sign_().mul_(torch.minimum(_climb(heavy, room, needed), room))
    border = room / heavy.clamp_min(LEAST)
    return against.mul_(torch.minimum(_climb(heavy.square(), border, needed), border))


def _climb(gain: Points, border: Points, needed: Tensor) -> Tensor:
    """The t at which sum gain·min(t, border) reaches ``needed``; a far one where it never does."""
    t, slope = torch.zeros_like(needed), torch.full_like(needed, -1)
    held = torch.empty_like(gain)  # each product is written here: taking new memory would cost more than the product
    for _ in range(STEPS):
        slope, before = _over(border, t, out=held).mul_(gain).sum(1, keepdim=True), slope
        if torch.equal(slope, before):
            break
        reached = torch.minimum(border, t, out=held).mul_(gain).sum(1, keepdim=True)
        t = torch.where(slope > 0, torch.maximum(t, t + (needed - reached) / slope), FAR)
    return t


def _over(values: Points, limit: Tensor | float, out: Points | None = None) -> Points:
    """1 where a value is over the limit, else 0: numbers, which are multiplied several times faster than booleans."""
    return torch.gt(values, limit, out=torch.empty_like(values) if out is None else out)


def _fill(heavy: Points, room: Points, needed: Tensor) -> Points:
    """How far each pixel value moves: the heaviest all their way, the last one as far as is needed."""
    order = heavy.argsort(dim=1, descending=True)
    gain = (heavy * room).gather(1, order)
    left = needed - (gain.cumsum(1) - gain)  # what the heavier ones have not reached
    share = (left / gain.where(gain > 0, 1)).clamp(0, 1) * (gain > 0)
    return torch.zeros_like(room).scatter(1, order, room.gather(1, order) * share)
