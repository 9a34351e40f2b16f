"""SGD: its arithmetic, written out for two steps, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robustill.expression import parse
from robustill.training import SGD


def after_two_steps(choice: SGD, start: float, gradients: tuple[float, float]) -> float:
    weight = nn.Parameter(torch.tensor([start], dtype=torch.float64))
    optimizer = choice.build([weight])
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
    return weight.item()


def test_plain() -> None:
    assert after_two_steps(SGD(lr=0.5, momentum=0, weight_decay=0), 1.0, (2.0, -1.0)) == 1 - 0.5 * 2 + 0.5 * 1


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_and_weight_decay(nesterov: bool) -> None:
    lr, mu, decay = 0.1, 0.9, 0.01
    w, velocity = 1.0, 0.0
    for gradient in (2.0, -1.0):
        g = gradient + decay * w
        velocity = mu * velocity + g
        w -= lr * (g + mu * velocity if nesterov else velocity)
    found = after_two_steps(SGD(lr=lr, momentum=mu, weight_decay=decay, nesterov=nesterov), 1.0, (2.0, -1.0))
    assert found == pytest.approx(w, rel=1e-14)


def test_batch_norm_decays_too() -> None:
    layer = nn.BatchNorm2d(3)
    optimizer = SGD(weight_decay=0.1).build(layer.parameters())
    assert [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups] == [(2, 0.1)]


@pytest.mark.parametrize("choice", [SGD(), SGD(lr=0.2, momentum=0.5, weight_decay=2e-4, nesterov=True)], ids=repr)
def test_text_and_back(choice: SGD) -> None:
    assert parse(repr(choice), SGD) == choice


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SGD(lr=0)", "lr > 0.* Found: lr=0, momentum=0.9"),
        ("SGD(lr=-1)", "lr > 0"),
        ("SGD(momentum=1)", r"momentum in \[0, 1\).* Found: lr=0.1, momentum=1,"),
        ("SGD(momentum=-0.1)", "momentum in"),
        ("SGD(weight_decay=-1)", "weight_decay of at least 0.* weight_decay=-1."),
        ("SGD(momentum=0, nesterov=True)", "a positive momentum with nesterov=True"),
    ],
)
def test_what_makes_no_optimizer_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, SGD)
