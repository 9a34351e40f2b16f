"""Uniform noise: a draw of the ball, and the best of several."""

from __future__ import annotations

import pytest
import torch

from robustill.attacks import L1, L2, Adversary, Budget, Linf, Uniform, UniformNoise
from robustill.expression import parse
from tests.attacks.oracle import case, stands
from tests.networks import Counting, conv_net, images, labels, modes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("budget", [Linf(0.2), L2(1.0), L1(12)], ids=repr)
def test_one_draw_is_the_budgets_noise_clipped_and_asks_nobody(budget: Budget) -> None:
    x, y = images(5, 3, 4, 4), labels(5, 10)
    x[:, :, 0] = x[:, :, 0].round()
    network = Counting(conv_net(), 5)
    x_adv = UniformNoise(budget=budget)(network, x.requires_grad_(), y, generator=generator())
    assert torch.equal(x_adv, Uniform()(x.detach(), budget, generator())) and not x_adv.requires_grad
    assert x_adv.min() >= 0 and x_adv.max() <= 1 and budget.holds(x_adv - x).all()
    assert network.forwards == 0


def test_of_several_draws_the_first_that_fools_the_model_is_kept() -> None:
    network, x, y = case(40, 1, 5, 5)
    budget = Linf(0.02)
    one = UniformNoise(budget=budget)(network, x, y, generator=generator())
    many = UniformNoise(budget=budget, draws=10)(network, x, y, generator=generator())
    fooled, left = ~stands(network, one, y), stands(network, many, y)
    assert torch.equal(many[fooled], one[fooled])
    assert (~left).sum() > fooled.sum() > 0
    assert (many[left] != one[left]).any() and budget.holds(many - x).all()  # another draw, but a draw
    assert torch.equal(many, UniformNoise(budget=budget, draws=10)(network, x, y, generator=generator()))


def test_the_model_is_asked_in_eval_mode_about_what_still_stands() -> None:
    network, x, y = case(12, 1, 5, 5)
    counting = Counting(network, 1).train()
    UniformNoise(budget=Linf(1e-6), draws=4)(counting, x, y, generator=generator())
    right = int(stands(network, x, y).sum())
    assert counting.images == 3 * 12 and counting.calls == 3 and 0 < right < 12
    assert modes(counting) == [True, True]
    counting.images = counting.calls = 0
    UniformNoise(budget=Linf(1e-6), draws=4)(counting, x, (network(x).argmax(1) + 1) % 5, generator=generator())
    assert counting.calls == 1  # nothing stands, nothing is drawn again


def test_at_least_one_draw() -> None:
    with pytest.raises(ValueError, match=r"UniformNoise requires at least 1 draw. Found: draws=0"):
        UniformNoise(budget=Linf(0.1), draws=0)


def test_what_is_written_is_what_is_built() -> None:
    attack = UniformNoise(budget=Linf(8 / 255), draws=3)
    assert parse(repr(attack), Adversary) == attack
