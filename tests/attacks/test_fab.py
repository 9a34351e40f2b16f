"""FAB-T: on linear networks one step finds the nearest adversarial example, up to its overshoot."""

from __future__ import annotations

import pytest
import torch

from robustill.attacks import L1, L2, Budget, Linf, TargetedFAB
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
    """The clean image once for all targets and once for each; then one forward and backward a step."""
    network, x, y = case(3, 1, 4, 4)
    counting = Counting(network, len(x))
    TargetedFAB(budget=Linf(1e-7), steps=1, targets=2)(counting, x, y)
    assert (counting.forwards, counting.backwards) == (1 + 2 * 2, 2 * 2)


def test_an_adversarial_point_outside_the_budget_is_drawn_back() -> None:
    """Every point is adversarial and every one too far: each step looks twice, and nothing counts."""
    network, x, y = case(3, 1, 4, 4, classes=2)
    counting = Counting(network, len(x))
    way = distance(network, x, y, Linf(1e-7))
    x_adv = TargetedFAB(budget=Linf(float(way.min()) / 2), steps=4)(counting, x, y)
    assert torch.equal(x_adv, x)
    assert counting.forwards > 1 + 5


@pytest.mark.parametrize(("steps", "targets"), [(0, 9), (100, 0)])
def test_numbers_out_of_range_are_refused(steps: int, targets: int) -> None:
    found = f"at least 1 step and 1 target. Found: steps={steps}, targets={targets}"
    with pytest.raises(ValueError, match=found):
        TargetedFAB(budget=Linf(0.1), steps=steps, targets=targets)
