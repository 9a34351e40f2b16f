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

    Every pixel value moves against the sign of its weight by ``min(t·pull, room)``, where ``room`` is its way to the
    border and ``pull`` is 1 in Linf and |weight| in L2: the gain is concave in t and made of straight pieces, so
    Newton's method from t = 0 climbs to the answer from below and ends exactly there, without sorting. In L1 the
    heaviest pixel values go to the border, one after the other.
    """
    weight = normal * torch.where(offset < 0, -1.0, 1.0)[:, None]
    needed = offset.abs()[:, None]
    if not isinstance(budget, Linf):
        weight = weight * (weight.abs() > LEAST)
    room = torch.where(weight > 0, point, 1 - point)
    heavy = weight.abs()
    if isinstance(budget, L1):
        return -weight.sign() * _fill(heavy, room, needed)
    pull = (heavy > 0).to(heavy.dtype) if isinstance(budget, Linf) else heavy
    return -weight.sign() * torch.minimum(_climb(heavy, pull, room, needed) * pull, room)


def _climb(heavy: Points, pull: Points, room: Points, needed: Tensor) -> Tensor:
    """The t at which sum heavy·min(t·pull, room) reaches ``needed``; a far one where it never does."""
    gain = heavy * pull
    t = torch.zeros_like(needed)
    pieces = torch.full_like(needed, -1)
    for _ in range(STEPS):
        moving = pull * t < room
        pieces, before = moving.sum(1, keepdim=True).to(t.dtype), pieces
        if torch.equal(pieces, before):
            break
        slope = (gain * moving).sum(1, keepdim=True)
        reached = (heavy * room * ~moving).sum(1, keepdim=True)
        t = torch.where(slope > 0, torch.maximum(t, (needed - reached) / slope), FAR)
    return t


def _fill(heavy: Points, room: Points, needed: Tensor) -> Points:
    """How far each pixel value moves: the heaviest all their way, the last one as far as is needed."""
    order = heavy.argsort(dim=1, descending=True)
    gain = (heavy * room).gather(1, order)
    left = needed - (gain.cumsum(1) - gain)  # what the heavier ones have not reached
    share = (left / gain.where(gain > 0, 1)).clamp(0, 1) * (gain > 0)
    return torch.zeros_like(room).scatter(1, order, room.gather(1, order) * share)
