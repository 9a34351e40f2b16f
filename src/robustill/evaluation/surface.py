"""A network's logits on a small piece of the plane through an image, its perturbation and a random direction.

    z(a, b) = margin of f(x + a·δ + b·r)        margin: the true class's logit over the highest other one

δ is what the attack found, r a random direction of the same length. Where a network is locally linear this is a slope;
where its input gradient is the teacher's, it is the teacher's slope (Figure 1 of the IGDM paper, measured). Above zero
the image is classified correctly. The points are not clipped to [0, 1].
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from robustill.attacks.base import frozen
from robustill.precision import at_least_float32
from robustill.types import Images, Labels

STEPS = 13
"""Points a side, from -1 to 1 times each direction."""


def random_direction(delta: Images, generator: Generator) -> Images:
    """A direction for each perturbation, of the same L2 length."""
    drawn = torch.randn(delta.shape, generator=generator, device=delta.device)
    length = delta.flatten(1).norm(dim=1) / drawn.flatten(1).norm(dim=1)
    direction: Images = drawn * length[:, None, None, None]
    return direction


def surface(network: nn.Module, x: Images, y: Labels, delta: Images, across: Images, steps: int = STEPS) -> Tensor:
    """The margins of each image, ``[images, steps, steps]``: first along ``delta``, then along ``across``."""
    places = torch.linspace(-1, 1, steps, device=x.device)
    rows = []
    with frozen(network), torch.no_grad():
        for a in places:  # a row at a time: as many images as a small batch has
            points = torch.stack([x + a * delta + b * across for b in places], dim=1)
            rows.append(
                _margin(network, points.flatten(0, 1), y.repeat_interleave(steps)).unflatten(0, (len(x), steps))
            )
    return torch.stack(rows, dim=1)


def _margin(network: nn.Module, x: Images, y: Labels) -> Tensor:
    logits = at_least_float32(network(x))
    own = F.one_hot(y, logits.shape[1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).amax(dim=1)
