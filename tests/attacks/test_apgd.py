"""APGD: what it adapts, what it asks of the network, and what it refuses. Its answers are held in test_searches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from robustill.attacks import APGD, DLR, L1, L2, Budget, Linf, Margin, TargetedAPGD, TargetedMargin
from robustill.attacks.apgd import Sight, ascend
from robustill.attacks.pace import Halving, Sparse
from tests.attacks.oracle import BUDGETS, case
from tests.networks import Counting, images


def per_sample(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def test_it_looks_back_after_22_then_19_then_16_steps_and_at_last_every_6() -> None:
    pace, x = Halving(images(1, 1, 2, 2), Linf(0.1), 100), images(1, 1, 2, 2)
    backs = [pace.look_back(per_sample(step), per_sample(step), x) for step in range(100)]
    looks = [step + 1 for step, back in enumerate(backs) if back is not None]
    assert looks == [22, 41, 57, 70, 80, 87, 93, 99]


def test_a_size_is_halved_where_the_loss_rose_in_three_quarters_of_the_steps_or_fewer() -> None:
    pace, x = Halving(images(3, 1, 2, 2), Linf(0.1), 20), images(3, 1, 2, 2)  # looks back after 4 steps
    # Rises against the step before, the first against zero: 3 of 4, all of 4, none.
    losses = [per_sample(1, 1, -1), per_sample(2, 2, -2), per_sample(3, 3, -3), per_sample(2, 4, -4)]
    backs = [pace.look_back(loss, loss, x) for loss in losses]
    assert backs[:3] == [None] * 3 and backs[3] is not None
    assert backs[3].tolist() == [True, False, True]
    torch.testing.assert_close(pace.size, per_sample(0.1, 0.2, 0.1))


def test_a_size_is_halved_where_nothing_became_better_since_a_look_that_did_not_halve() -> None:
    pace, x, best = Halving(images(1, 1, 2, 2), L2(1), 20), images(1, 1, 2, 2), per_sample(9)
    losses = iter(range(1, 100))
    first = [pace.look_back(per_sample(next(losses)), best, x) for _ in range(4)][-1]
    second = [pace.look_back(per_sample(next(losses)), best, x) for _ in range(3)][-1]
    assert first is not None and second is not None
    assert not first.any() and second.all()  # the loss rose throughout; the best did not


def test_steps_in_l1_go_along_the_largest_gradients_and_spend_the_size() -> None:
    x = torch.full((1, 1, 2, 5), 0.5)
    begin = x.clone()
    begin[0, 0, 0, :3] += 0.01  # three values changed: a step changes 3 / 1.5 = 2
    gradient = torch.arange(-5.2, 4.7).view(1, 1, 2, 5)
    pace = Sparse(x, begin, 0.4, 10)
    moved = pace.step(x, x, x, gradient, momentum=0) - x
    expected = torch.zeros(10)
    expected[:2] = -0.2
    torch.testing.assert_close(moved.flatten(), expected)


def test_in_l1_the_size_shrinks_unless_the_support_does() -> None:
    x = torch.full((2, 1, 2, 5), 0.5)
    begin = x + 0.01
    pace, best = Sparse(x, begin, 0.3, 10), torch.zeros(2, 1, 2, 5)
    best[0] = 0.01  # as many values as before
    best[1, 0, 0, :3] = 0.01  # fewer
    back = pace.look_back(per_sample(0, 0), per_sample(0, 0), best)
    assert back is not None and back.tolist() == [False, True]
    torch.testing.assert_close(pace.size, per_sample(0.2, 0.3))
    torch.testing.assert_close(pace.share, per_sample(1, 0.3) / 1.5)


@pytest.mark.parametrize("budget", BUDGETS[:2], ids=repr)
def test_an_image_that_leaves_the_search_is_not_felt_by_the_others(budget: Budget) -> None:
    network, x, y = case(30, 1, 5, 5)
    network, x = network.double(), x.double()

    def search(rows: slice) -> tuple[Tensor, Tensor]:
        label = y[rows]
        sight = Sight(network, lambda logits, left: Margin()(logits, label[left]), label)
        return ascend(sight, x[rows], x[rows], Halving(x[rows], budget, 12), 12, final=True)

    found, fooled = search(slice(None))
    alone = [search(slice(i, i + 1)) for i in range(len(x))]
    assert fooled.any() and not fooled.all()
    assert torch.equal(fooled, torch.cat([mask for _, mask in alone]))
    torch.testing.assert_close(found, torch.cat([image for image, _ in alone]), rtol=0, atol=1e-12)


def test_passes_are_those_it_needs_and_no_more() -> None:
    """The clean image, the start, and each step; no gradient at the end."""
    network, x, y = case(3, 1, 4, 4)
    counting = Counting(network, len(x))
    APGD(budget=Linf(1e-6), steps=7)(counting, x, y)
    assert (counting.forwards, counting.backwards) == (9, 7)
    counting = Counting(network, len(x))
    TargetedAPGD(budget=L2(1e-6), steps=7, targets=2)(counting, x, y)
    assert (counting.forwards, counting.backwards) == (1 + 2 * 8, 2 * 7)


def test_more_targets_than_classes_are_all_of_them() -> None:
    network, x, y = case(3, 1, 4, 4, classes=3)
    counting = Counting(network, len(x))
    TargetedAPGD(budget=Linf(1e-6), steps=2, loss=TargetedMargin(), targets=9)(counting, x, y)
    assert counting.forwards == 1 + 2 * 3


def test_a_ratio_of_too_few_classes_is_refused() -> None:
    network, x, y = case(3, 1, 4, 4, classes=2)
    with pytest.raises(ValueError, match=r"DLR requires at least 3 classes. Found: 2"):
        APGD(budget=Linf(0.1), loss=DLR())(network, x, y)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_few_steps_are_steps_too(steps: int) -> None:
    network, x, y = case(6, 1, 4, 4)
    for budget in (Linf(0.01), L2(0.05), L1(0.1)):
        x_adv = APGD(budget=budget, steps=steps)(network, x, y)
        assert (budget.norm(x_adv - x) <= budget.radius * (1 + 2e-6)).all()


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^APGD requires at least 1 step. Found: steps=0"):
        APGD(budget=Linf(0.1), steps=0)
    with pytest.raises(ValueError, match=r"APGD requires at least 1 restart, the first search. Found: restarts=0"):
        APGD(budget=Linf(0.1), restarts=0)
    with pytest.raises(ValueError, match=r"TargetedAPGD requires at least 1 step. Found: steps=-1"):
        TargetedAPGD(budget=Linf(0.1), steps=-1)
    with pytest.raises(ValueError, match=r"TargetedAPGD requires at least 1 target. Found: targets=0"):
        TargetedAPGD(budget=Linf(0.1), targets=0)
