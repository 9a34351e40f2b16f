"""Linear networks of two classes: an attack succeeds exactly where the margin allows it, black and white included.

What a perturbation can gain at most is known in closed form. Each pixel value moves towards the other class as far as
its room to black or white, and

    Linf  as far as the radius;
    L1    until the radius is spent, the largest weights first;
    L2    in proportion to its weight, by the factor at which the length is the radius.
"""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from robustill.attacks import (
    L1,
    L2,
    PGD,
    VMIFGSM,
    Adversary,
    AutoAttack,
    Budget,
    Linf,
    Square,
)
from tests.attacks.oracle import searches, stands
from tests.networks import Linear, images, linear

BUDGETS: list[Budget] = [Linf(0.15), L2(0.6), L1(2.0)]
CASES = [(1, 4, (1, 5, 7)), (3, 6, (3, 3, 4)), (8, 8, (2, 7, 3))]
"""The size of a batch, the number of images, and their shape."""


def adversaries(budget: Budget) -> dict[str, Adversary]:
    return searches(budget, classes=2) | {
        "pgd": PGD(budget=budget, steps=20, step_size=budget.radius / 4),
        "vmi": VMIFGSM(budget=budget, samples=2),
        "square": Square(budget=budget, queries=20),
        "autoattack": AutoAttack(budget=budget, version="quick"),
    }


REACH: dict[type[Budget], dict[str, float]] = {
    Linf: {"square": 0.1},
    # What black and white cut off a step is spent nowhere else; APGD takes steps between whose sizes it shrinks.
    L2: {"square": 0.1, "fgsm": 0.7, "vmi": 0.7, "pgd": 0.95, "cw": 0.95},
    # APGD's shortest step is a tenth of the radius, so it ends beside the best point.
    L1: {"square": 0.1, "apgd-ce": 0.95, "apgd-dlr": 0.95, "apgd-t": 0.95, "autoattack": 0.95},
}
"""Up to what share of what can be gained an attack must succeed, where it is not all but a hundredth."""


def case(budget: Budget, share: float, batch: int, *shape: int) -> tuple[Linear, Tensor, Tensor, Tensor]:
    """A network, images with black and white in them, labels, and each margin as a share of what can be gained.

    The bias makes it ``share`` for one image; others have more or less, and some are wrong already.
    """
    x = (1.6 * images(batch, *shape) - 0.3).clamp(0, 1)
    network, y = linear(2, x[0].numel(), seed=1), torch.ones(batch, dtype=torch.int64)
    with torch.no_grad():
        apart = (network.weight[1] - network.weight[0]).double()
        gain, height = _gain(x.flatten(1).double(), -apart, budget), x.flatten(1).double() @ apart
        network.bias[0], network.bias[1] = 0, (share * gain - height).median()
        margin = height + network.bias[1]
    return network, x, y, margin / gain


def _gain(x: Tensor, slope: Tensor, budget: Budget) -> Tensor:
    room = torch.where(slope > 0, 1 - x, x)
    weight = slope.abs().expand_as(room)
    if isinstance(budget, Linf):
        return (weight * room.clamp_max(budget.radius)).sum(1)
    if isinstance(budget, L2):
        low, high = torch.zeros(len(x), 1, dtype=x.dtype), torch.full((len(x), 1), 1e6, dtype=x.dtype)
        for _ in range(200):
            factor = (low + high) / 2
            long = (factor * weight).minimum(room).norm(dim=1, keepdim=True) > budget.radius
            low, high = torch.where(long, low, factor), torch.where(long, factor, high)
        return (weight * (low * weight).minimum(room)).sum(1)
    gains = []
    for rooms, weights in zip(room.tolist(), weight.tolist(), strict=True):
        left, gained = budget.radius, 0.0
        for heavy, free in sorted(zip(weights, rooms, strict=True), reverse=True):
            gained += heavy * min(free, left)
            left -= min(free, left)
        gains.append(gained)
    return torch.tensor(gains, dtype=x.dtype)


@pytest.mark.parametrize("budget", BUDGETS, ids=repr)
@pytest.mark.parametrize("name", list(adversaries(Linf(0.1))))
@pytest.mark.parametrize(("batch", "count", "shape"), CASES, ids=str)
def test_an_attack_succeeds_exactly_where_the_margin_allows_it(
    name: str, budget: Budget, batch: int, count: int, shape: tuple[int, ...]
) -> None:
    attack, noise = adversaries(budget)[name], Generator().manual_seed(0)
    reach = REACH[type(budget)].get(name, 0.99)
    easy = hard = 0
    for share in (min(0.985, reach - 0.005), 1.001):
        network, x, y, way = case(budget, share, count, *shape)
        parts = zip(x.split(batch), y.split(batch), strict=True)
        x_adv = torch.cat([attack(network, *part, generator=noise) for part in parts])
        left = stands(network, x_adv, y)
        assert budget.holds(x_adv - x).all() and x_adv.min() >= 0 and x_adv.max() <= 1
        assert left[way > 1.0001].all()
        assert not left[way < reach].any()
        easy, hard = easy + int((way < reach).sum()), hard + int((way > 1.0001).sum())
    assert hard > 1 and easy > 1
