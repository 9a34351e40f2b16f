"""Anybody's attack: nothing is left behind, and what breaks the rules does not count."""

from __future__ import annotations

import math
import random
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from robustill.attacks import FGSM, L1, L2, Budget, Foreign, Linf
from robustill.attacks.foreign import Function
from robustill.component import in_full
from tests.networks import TinyConvNet, conv_net, images, labels, modes

EPS = 8 / 255


LINF = Linf(EPS)


def foreign(function: Function, budget: Budget = LINF) -> Foreign:
    return Foreign(function=function, budget=budget, name="theirs")


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def careless_fgsm(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """As one writes it in a notebook: a whole backward, from noise of the global generator."""
    x_adv = x + 1e-4 * torch.randn_like(x)
    x_adv.requires_grad = True
    loss = F.cross_entropy(model(x_adv), y)
    model.zero_grad()
    loss.backward()
    assert x_adv.grad is not None
    return (x + EPS * x_adv.grad.sign()).clamp(0, 1)


def rude(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Trains the network on what it is to attack, and turns everything that can be turned."""
    torch.manual_seed(1), random.seed(1), np.random.seed(1)
    assert isinstance(model, TinyConvNet)
    model.train().requires_grad_(True)
    F.cross_entropy(model(x), y).backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    model.double().half()
    model.head.weight.grad = None
    x.zero_(), y.zero_()
    torch.set_grad_enabled(False)
    return torch.full_like(x, 0.5)


def trained() -> TinyConvNet:
    """In train mode but for one BatchNorm; one parameter is not trained, another has a gradient."""
    network = conv_net(scale=20).train()
    network.body[1].eval()
    network.head.bias.requires_grad_(False)
    network.head.weight.grad = torch.ones_like(network.head.weight)
    return network


@pytest.mark.parametrize("function", [careless_fgsm, rude])
def test_nothing_is_left_behind(function: Function) -> None:
    network, x, y = trained(), images(4, 3, 6, 6), labels(4, 10)
    before, kept, named = modes(network), (x.clone(), y.clone()), dict(network.named_parameters())
    state = {key: value.clone() for key, value in network.state_dict().items()}
    buffers = dict(network.named_buffers())
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    foreign(function, L2(100))(network, x, y, generator=generator())
    assert modes(network) == before and torch.equal(x, kept[0]) and torch.equal(y, kept[1])
    assert all(value is named[name] for name, value in network.named_parameters())
    assert all(value is buffers[name] for name, value in network.named_buffers())
    for key, value in network.state_dict().items():
        assert value.dtype == state[key].dtype and torch.equal(value, state[key])
    assert [name for name, p in network.named_parameters() if not p.requires_grad] == ["head.bias"]
    assert [name for name, p in network.named_parameters() if p.grad is not None] == ["head.weight"]
    grad = network.head.weight.grad
    assert grad is not None and torch.equal(grad, torch.ones_like(grad))
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]
    assert np.random.get_state()[1].tolist() == states[2]  # type: ignore[index]
    assert torch.is_grad_enabled()


def test_a_failing_function_leaves_nothing_behind_either() -> None:
    def failing(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        rude(model, x, y)
        raise RuntimeError("in the middle")

    network = trained()
    before, state = modes(network), {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(RuntimeError, match="in the middle"):
        foreign(failing)(network, images(2, 3, 6, 6), labels(2, 10))
    assert modes(network) == before
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_what_it_finds_is_what_it_returned_while_the_model_is_in_eval_mode() -> None:
    network, x, y = trained(), images(6, 3, 6, 6), labels(6, 10)
    with torch.no_grad():  # callers without a graph are welcome
        x_adv = foreign(careless_fgsm)(network, x, y, generator=generator())
    ours = FGSM(budget=Linf(EPS))(network.eval(), x, y)
    assert ((x_adv - ours).abs() < 1e-6).float().mean() > 0.98  # noise may turn the sign of a gradient near zero
    assert not x_adv.requires_grad


def test_its_noise_follows_the_generator_of_the_call() -> None:
    def noise(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        number = random.random() + float(np.random.rand()) + float(torch.rand(()))
        return x + (number / 3 - x) * 1e-3

    network, x, y = conv_net(), images(2, 3, 6, 6), labels(2, 10)
    first = foreign(noise)(network, x, y, generator=generator(1))
    assert torch.equal(first, foreign(noise)(network, x, y, generator=generator(1)))
    assert not torch.equal(first, foreign(noise)(network, x, y, generator=generator(2)))
    torch.manual_seed(3)
    one, two = (foreign(noise)(network, x, y) for _ in range(2))
    torch.manual_seed(3)
    assert torch.equal(one, foreign(noise)(network, x, y)) and not torch.equal(one, two)


def too_far(x: Tensor, budget: Budget) -> Tensor:
    direction = torch.where(x < 0.5, 1.0, -1.0)
    return x + direction * (1.01 * budget.radius / budget.norm(direction))[:, None, None, None]


@pytest.mark.parametrize("budget", [Linf(0.1), L2(0.5), L1(3)], ids=repr)
def test_an_image_that_left_the_budget_does_not_count(budget: Budget) -> None:
    network, x, y = conv_net(), images(8, 3, 6, 6), labels(8, 10)

    def attack(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        near = x + (too_far(x, budget) - x) / 1.01
        near[[1, 4]] = too_far(x, budget)[[1, 4]]
        return near

    worst = rf"a perturbation of norm {1.01 * budget.radius:.4g}\d* in {type(budget).__name__}"
    message = rf"theirs broke its rules on 2 of 8 images, .* the worst has {worst}"
    with pytest.warns(UserWarning, match=message) as warned:
        x_adv = foreign(attack, budget)(network, x, y)
    assert len(warned) == 1
    same = (x_adv == x).flatten(1).all(1)
    assert same.tolist() == [False, True, False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("value", "worst"),
    [
        (math.nan, "a pixel that is not finite"),
        (math.inf, "a pixel that is not finite"),
        (1.25, r"a pixel 0.25 outside of \[0, 1\]"),
    ],
)
def test_pixels_that_are_no_pixels_do_not_count(value: float, worst: str) -> None:
    network, x, y = conv_net(), images(3, 3, 6, 6), labels(3, 10)

    def attack(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        x = x.clamp(0.1, 0.9)
        x[1, 0, 0, 0] = value
        return x

    with pytest.warns(UserWarning, match=f"on 1 of 3 images, which count as not attacked; the worst has {worst}"):
        x_adv = foreign(attack, L2(9))(network, x, y)
    assert torch.equal(x_adv[1], x[1]) and torch.equal(x_adv[[0, 2]], x[[0, 2]].clamp(0.1, 0.9))


def test_what_rounding_does_is_no_breach() -> None:
    network, x, y = conv_net(), images(3, 3, 6, 6), labels(3, 10)
    x[0, 0, 0, 0] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x_adv = foreign(lambda model, x, y: (x + EPS).clamp(max=1) + 1e-8)(network, x, y)
        assert x_adv.max() == 1
        double = foreign(lambda model, x, y: (x.double() + EPS / 2).clamp(0, 1))(network, x, y)
    assert double.dtype == x.dtype and (double != x).flatten(1).any(1).all()


WRONG: list[tuple[Any, str]] = [
    (lambda model, x, y: x[:1], r"torch.float32 of the shape \(1, 3, 6, 6\)"),
    (lambda model, x, y: (x, y), "a tuple"),
    (lambda model, x, y: x.numpy(), "a ndarray"),
    (lambda model, x, y: (255 * x).to(torch.uint8), r"torch.uint8 of the shape \(2, 3, 6, 6\)"),
    (lambda model, x, y: None, "a NoneType"),
]


@pytest.mark.parametrize(("function", "found"), WRONG, ids=[found for _, found in WRONG])
def test_anything_but_images_is_refused(function: Function, found: str) -> None:
    message = rf"theirs must return images as floats, in a tensor of the shape \(2, 3, 6, 6\). Found: {found}. Put a"
    with pytest.raises(ValueError, match=message):
        foreign(function)(conv_net(), images(2, 3, 6, 6), labels(2, 10))


def test_results_name_it_and_not_its_function() -> None:
    first, second = foreign(careless_fgsm), foreign(rude)
    assert repr(first) == in_full(first) == "Foreign(budget=Linf(8/255), name='theirs')"
    assert first == second and hash(first) == hash(second)
