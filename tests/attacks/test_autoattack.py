"""AutoAttack: four attacks in turn on what is left, whatever the number of classes."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from robustill.attacks import (
    APGD,
    L1,
    L2,
    Adversary,
    AutoAttack,
    Budget,
    Linf,
    Square,
    TargetedAPGD,
    TargetedDLR,
    TargetedFAB,
    TargetedMargin,
)
from robustill.expression import parse
from tests.attacks.oracle import BUDGETS, case, distance, stands
from tests.networks import Counting


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("budget", [Linf(8 / 255), L2(0.5)], ids=repr)
def test_the_standard_is_what_the_paper_says(budget: Budget) -> None:
    assert AutoAttack(budget=budget).attacks(10) == {
        "apgd-ce": APGD(budget=budget, steps=100, restarts=1),
        "apgd-t": TargetedAPGD(budget=budget, steps=100, loss=TargetedDLR(), targets=9),
        "fab-t": TargetedFAB(budget=budget, steps=100, targets=9),
        "square": Square(budget=budget, queries=5000, share=0.8),
    }


def test_in_l1_five_restarts_and_five_targets() -> None:
    run = AutoAttack(budget=L1(12)).attacks(10)
    assert run["apgd-ce"] == APGD(budget=L1(12), restarts=5)
    assert run["apgd-t"] == TargetedAPGD(budget=L1(12), targets=5)
    assert run["fab-t"] == TargetedFAB(budget=L1(12), targets=9)


@pytest.mark.parametrize("classes", [2, 3, 4, 9])
def test_few_classes_have_few_targets_and_below_four_the_name_says_what_is_climbed(classes: int) -> None:
    run = AutoAttack(budget=Linf(0.1)).attacks(classes)
    name = "apgd-t" if classes >= 4 else "apgd-t on the margin"
    assert list(run) == ["apgd-ce", name, "fab-t", "square"]
    loss = TargetedDLR() if classes >= 4 else TargetedMargin()
    assert run[name] == TargetedAPGD(budget=Linf(0.1), loss=loss, targets=classes - 1)
    assert run["fab-t"] == TargetedFAB(budget=Linf(0.1), targets=classes - 1)


def test_the_quick_version_is_the_beginning_of_the_standard() -> None:
    quick, standard = (AutoAttack(budget=Linf(0.1), version=version).attacks(10) for version in ("quick", "standard"))
    assert list(quick.items()) == list(standard.items())[:2]


@pytest.mark.parametrize(("budget", "classes"), [(BUDGETS[0], 5), (BUDGETS[1], 2), (BUDGETS[2], 2)], ids=repr)
def test_a_linear_network_is_robust_exactly_where_the_margin_is_wide_enough(budget: Budget, classes: int) -> None:
    network, x, y = case(16, 1, 4, 5, classes=classes)
    way = distance(network, x, y, budget) / budget.radius
    assert (way <= 0.99).any() and (way >= 1.0001).any() and not ((way > 0.99) & (way < 1.0001)).any()
    x_adv = AutoAttack(budget=budget, version="quick", batch_size=7)(network, x, y, generator=generator())
    assert torch.equal(stands(network, x_adv, y), way >= 1.0001)
    assert torch.equal(x_adv[(way == 0) | (way > 1)], x[(way == 0) | (way > 1)])
    assert (budget.norm(x_adv - x) <= budget.radius * (1 + 2e-6)).all()


def test_its_stages_say_what_broke_each_image() -> None:
    network, x, y = case(24, 1, 4, 5)
    attack = AutoAttack(budget=Linf(0.004), version="quick", seed=3, batch_size=7)
    result = attack.staged(network, x, y)
    assert result.stages == ("clean", "apgd-ce", "apgd-t")
    assert result.broken_by.dtype == torch.int8
    assert torch.equal(result.images, attack(network, x, y))
    clean, left = stands(network, x, y), stands(network, result.images, y)
    assert torch.equal(result.broken_by == 0, ~clean) and (result.broken_by == 0).any()
    assert torch.equal(result.broken_by == -1, left) and left.any() and (result.broken_by > 0).any()
    same = (result.images == x).flatten(1).all(1)
    assert torch.equal(same, result.broken_by <= 0)


def test_a_stage_is_struck_down_by_the_first_attack_that_breaks_it() -> None:
    network, x, y = case(12, 1, 4, 5)
    attack = AutoAttack(budget=Linf(0.004), version="quick", seed=3)
    result = attack.staged(network, x, y)
    first = attack.attacks(5)["apgd-ce"](network, x, y, generator=generator(3))
    fell = stands(network, x, y) & ~stands(network, first, y)
    assert torch.equal(result.broken_by == 1, fell) and fell.any()


@pytest.mark.parametrize("classes", [2, 3])
def test_below_four_classes_the_stage_says_what_is_climbed(classes: int) -> None:
    network, x, y = case(6, 1, 4, 5, classes=classes)
    result = AutoAttack(budget=Linf(0.004), version="quick").staged(network, x, y, generator=generator())
    assert result.stages == ("clean", "apgd-ce", "apgd-t on the margin")


def test_it_breaks_whatever_a_part_of_it_breaks_given_the_same_seed() -> None:
    network, x, y = case(12, 1, 4, 5)
    attack = AutoAttack(budget=Linf(0.004), version="quick", seed=3)
    left = stands(network, attack(network, x, y), y)
    assert left.any() and not left.all()
    first = attack.attacks(5)["apgd-ce"](network, x, y, generator=generator(3))
    assert not (left & ~stands(network, first, y)).any()


def test_a_seed_makes_the_generator_of_the_call_and_the_global_one_irrelevant() -> None:
    network, x, y = case(6, 1, 4, 4)
    random = torch.get_rng_state()
    attack = AutoAttack(budget=Linf(0.01), version="quick", seed=1)
    assert torch.equal(attack(network, x, y), attack(network, x, y, generator=generator(9)))
    assert torch.equal(torch.get_rng_state(), random)


def test_nothing_is_attacked_where_nothing_stands_and_no_image_is_no_image() -> None:
    network, x, y = case(6, 1, 4, 4)
    wrong = (network(x).argmax(1) + 1) % 5
    counting = Counting(network, len(x))
    assert torch.equal(AutoAttack(budget=Linf(0.1))(counting, x, wrong), x)
    assert counting.forwards == 1
    assert AutoAttack(budget=Linf(0.1))(network, x[:0], y[:0]).shape == (0, 1, 4, 4)


def test_what_is_written_is_what_is_built() -> None:
    attack = AutoAttack(budget=Linf(8 / 255), version="quick", seed=0)
    assert repr(attack) == "AutoAttack(budget=Linf(8/255), version='quick', seed=0)"
    assert parse(repr(attack), Adversary) == attack


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a version of standard, quick. Found: 'plus'"):
        AutoAttack(budget=Linf(0.1), version="plus")
    with pytest.raises(ValueError, match=r"a batch_size of at least 1. Found: 0"):
        AutoAttack(budget=Linf(0.1), batch_size=0)
    with pytest.raises(ValueError, match=r"a network of at least 2 classes. Found: 1"):
        AutoAttack(budget=Linf(0.1)).attacks(1)
