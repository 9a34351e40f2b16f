"""What holds for every adversary that looks at logits, in every norm."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from robustill.attacks import Adversary, Budget, Linf
from robustill.expression import parse
from tests.attacks.oracle import BUDGETS, case, distance, searches, stands
from tests.networks import TinyConvNet, conv_net, images, labels, modes

every_budget = pytest.mark.parametrize("budget", BUDGETS, ids=repr)
every_search = pytest.mark.parametrize("name", list(searches(Linf(0.1))))


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@every_budget
@every_search
@pytest.mark.parametrize("shape", [(1, 5, 5), (3, 3, 7)], ids=str)
def test_a_linear_network_is_broken_exactly_where_the_margin_allows_it(
    name: str, budget: Budget, shape: tuple[int, ...]
) -> None:
    network, x, y = case(40, *shape)
    way = distance(network, x, y, budget) / budget.radius
    assert (way <= 0.95).sum() > 5 and (way >= 1.0001).sum() > 5
    left = stands(network, searches(budget)[name](network, x, y, generator=generator()), y)
    # FGSM and cross-entropy head for the likeliest class, random squares find no corner: sound, and find what is easy.
    reach = {"square": 0.3, "fgsm": 0.5, "cw": 0.9, "apgd-ce": 0.5, "apgd-dlr": 0.9}.get(name, 0.97)
    assert left[way >= 1.0001].all()
    assert not left[way <= reach].any()


@every_budget
@every_search
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_batches_of_any_size_stay_in_the_budget_and_in_the_pixels(name: str, budget: Budget, batch: int) -> None:
    network, x = conv_net(scale=20, classes=4).eval(), images(batch, 3, 6, 5)
    x[:, :, :2] = x[:, :, :2].round()  # on the border of [0, 1]
    y = network(x).argmax(1)
    x_adv = searches(budget)[name](network, x, y, generator=generator())
    assert x_adv.shape == x.shape and x_adv.isfinite().all() and not x_adv.requires_grad
    assert x_adv.min() >= 0 and x_adv.max() <= 1
    assert (budget.norm(x_adv - x) <= budget.radius * (1 + 2e-6)).all()


@every_search
def test_what_is_wrong_already_and_what_withstands_comes_back_as_it_was(name: str) -> None:
    budget = Linf(0.004)
    network, x, y = case(40, 1, 5, 5)
    way = distance(network, x, y, budget) / budget.radius
    x_adv = searches(budget)[name](network, x, y, generator=generator())
    untouched = (way == 0) | (way > 1.0001)
    assert untouched.sum() > 5 and (way == 0).any()
    assert torch.equal(x_adv[untouched], x[untouched])


@every_search
def test_nothing_is_left_behind(name: str) -> None:
    network = conv_net(scale=20, classes=4).train()
    network.body[1].eval()
    network.head.weight.requires_grad_(False)
    before, trained = modes(network), [p.requires_grad for p in network.parameters()]
    state = {key: value.clone() for key, value in network.state_dict().items()}
    random = torch.get_rng_state()
    x, y = images(3, 3, 6, 6), labels(3, 4)
    kept = x.clone()
    searches(Linf(0.004))[name](network, x, y, generator=generator())
    assert modes(network) == before and torch.equal(x, kept)
    assert [p.requires_grad for p in network.parameters()] == trained
    assert all(p.grad is None for p in network.parameters())
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


@every_search
def test_equal_generators_give_equal_images(name: str) -> None:
    network, x = conv_net(scale=20, classes=4).eval(), images(6, 3, 6, 6)
    y, attack = network(x).argmax(1), searches(Linf(0.004))[name]
    assert torch.equal(*(attack(network, x, y, generator=generator(4)) for _ in range(2)))


@every_search
def test_channels_last_is_the_same_image(name: str) -> None:
    network, x, y = case(8, 3, 5, 4)
    attack = searches(Linf(0.004))[name]
    plain = attack(network, x, y, generator=generator())
    turned = attack(network, x.to(memory_format=torch.channels_last), y, generator=generator())
    torch.testing.assert_close(turned, plain, rtol=0, atol=1e-6, check_stride=False)


@every_budget
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_few_classes_are_enough(budget: Budget, classes: int) -> None:
    network, x, y = case(24, 1, 4, 5, classes=classes)
    way = distance(network, x, y, budget) / budget.radius
    assert (way <= 0.7).any() and (way > 1.0001).any()
    for name, attack in searches(budget, classes=classes).items():
        left = stands(network, attack(network, x, y, generator=generator()), y)
        assert left[way > 1.0001].all()
        assert name in ("square", "fgsm") or not left[way <= 0.7].any(), name


@every_search
def test_images_with_a_graph_and_callers_without_one_are_welcome(name: str) -> None:
    network, x, y = case(6, 1, 4, 4)
    attack = searches(Linf(0.004))[name]
    expected = attack(network, x, y, generator=generator())
    with torch.no_grad():
        assert torch.equal(attack(network, x, y, generator=generator()), expected)
    tracked = attack(network, x.clone().requires_grad_(), y, generator=generator())
    assert torch.equal(tracked, expected) and not tracked.requires_grad


@every_budget
@every_search
def test_what_is_written_is_what_is_built(name: str, budget: Budget) -> None:
    attack = searches(budget)[name]
    assert parse(repr(attack), Adversary) == attack


def test_a_perfectly_flat_network_survives_without_an_error() -> None:
    network: TinyConvNet = conv_net(scale=0.0, classes=4).eval()
    x, y = images(3, 3, 6, 6), torch.zeros(3, dtype=torch.int64)
    for budget in BUDGETS:
        for attack in searches(budget).values():
            assert attack(network, x, y, generator=generator()).isfinite().all()
