"""FAB-T: on linear networks one step finds the nearest adversarial example, up to its overshoot."""

from __future__ import annotations

import pytest
import torch

from robustill.attacks import L1, L2, Budget, Linf, TargetedFAB
from robustill.attacks.search import PORTION
from tests.attacks.oracle import case, distance, stands
from tests.networks import Counting


@pytest.mark.parametrize("budget", [Linf(0.05), L2(0.3), L1(1.0)], ids=repr)
def test_what_it_finds_is_hardly_farther_than_the_nearest(budget: Budget) -> None:
    network, x, y = case(40, 1, 5, 5, classes=2)
    way = distance(network, x, y, budget)
    near = (way > 0) & (way < 0.9 * budget.radius)
    assert near.sum() > 10
    x_adv = TargetedFAB(budget=budget, steps=1)(network, x, y)
    assert not stands(network, x_adv, y)[near].any()
    stretch = budget.norm(x_adv - x)[near] / way[near]
    # 1.05 of the way, and a little less where the border of [0, 1] is in the way
    assert stretch.min() > 1 and stretch.max() < 1.0501 and stretch.median() > 1.0499


def test_passes_are_those_it_needs_and_no_more() -> None:
    """The clean image once for all targets; then in each step a gradient and a verdict."""
    network, x, y = case(3, 1, 4, 4)
    counting = Counting(network, len(x))
    TargetedFAB(budget=Linf(1e-7), steps=5, targets=2)(counting, x, y)
    assert (counting.forwards, counting.backwards) == (1 + 2 * 5 * 2, 2 * 5)


def test_images_do_not_depend_on_those_attacked_beside_them() -> None:
    network, x, y = case(PORTION + 5, 1, 4, 4)
    attack = TargetedFAB(budget=Linf(0.05), steps=4, targets=3)
    alone = torch.cat([attack(network, one, label) for one, label in zip(x.split(7), y.split(7), strict=True)])
    together = attack(network, x, y)
    torch.testing.assert_close(together, alone)
    assert not torch.equal(together, x)


def test_an_adversarial_point_outside_the_budget_does_not_count() -> None:
    network, x, y = case(8, 1, 4, 4, classes=2)
    way = distance(network, x, y, Linf(1e-7))
    radius = float(way[way > 0].min()) * 0.99
    assert torch.equal(TargetedFAB(budget=Linf(radius), steps=4)(network, x, y), x)


def test_later_steps_come_nearer_than_the_first() -> None:
    """The first step overshoots by 5 %; going back by 10 % and on again ends nearer to the boundary."""
    network, x, y = case(40, 1, 5, 5, classes=2)
    way = distance(network, x, y, Linf(1.0))
    i = int(torch.where(way > 0, way, torch.inf).argmin())
    budget = Linf(float(way[i]) * 1.03)
    once, often = (TargetedFAB(budget=budget, steps=steps)(network, x, y) for steps in (1, 10))
    assert stands(network, once, y)[i] and not stands(network, often, y)[i]


@pytest.mark.parametrize(
    ("steps", "targets", "message"),
    [(0, 9, "at least 1 step. Found: steps=0"), (100, 0, "at least 1 target. Found: targets=0")],
)
def test_numbers_out_of_range_are_refused(steps: int, targets: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"TargetedFAB requires {message}"):
        TargetedFAB(budget=Linf(0.1), steps=steps, targets=targets)
