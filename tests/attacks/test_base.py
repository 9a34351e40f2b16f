"""Attacks leave networks as they found them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robustill.attacks import PGD, Clean, Linf, Zero, frozen
from robustill.attacks.base import cross_entropy, gradient_of
from tests.networks import TinyConvNet, conv_net, images, labels, modes

ATTACK = PGD(budget=Linf(0.1), steps=2, step_size=0.05)


def mixed() -> TinyConvNet:
    """In train mode but for one BatchNorm, with one parameter that is not trained."""
    network = conv_net().train()
    network.body[1].eval()
    network.head.bias.requires_grad_(False)
    return network


def test_an_attack_restores_every_mode_and_flag_and_leaves_no_gradients() -> None:
    network = mixed()
    before, trained = modes(network), [p.requires_grad for p in network.parameters()]
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    ATTACK(network, images(2, 3, 6, 6), labels(2, 10))
    assert modes(network) == before
    assert [p.requires_grad for p in network.parameters()] == trained
    assert all(p.grad is None for p in network.parameters())
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in network.named_buffers())


def test_gradients_that_were_there_stay() -> None:
    network = conv_net()
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    ATTACK(network, images(2, 3, 6, 6), labels(2, 10))
    assert all(torch.equal(p.grad, torch.full_like(p, 3.0)) for p in network.parameters() if p.grad is not None)
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("training", [False, True])
def test_frozen_gives_one_mode_to_every_module_and_no_parameter_a_gradient(training: bool) -> None:
    network = mixed()
    with frozen(network, training=training):
        assert set(modes(network)) == {training}
        assert not any(p.requires_grad for p in network.parameters())


def test_a_failing_attack_restores_as_well() -> None:
    network = mixed()
    before = modes(network)
    with pytest.raises(RuntimeError, match="in the middle"), frozen(network):
        raise RuntimeError("in the middle")
    assert modes(network) == before
    assert network.head.weight.requires_grad and not network.head.bias.requires_grad


def test_a_model_is_attacked_in_eval_mode() -> None:
    x, y = images(4, 3, 6, 6), labels(4, 10)
    attack = PGD(budget=Linf(0.1), steps=3, step_size=0.05, start=Zero())
    training, evaluating = conv_net().train(), conv_net().eval()
    assert torch.equal(attack(training, x, y), attack(evaluating, x, y))


def test_cross_entropy_is_per_image_and_never_in_half_precision() -> None:
    x, y = images(3, 1, 2, 2), labels(3, 4)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 4)).bfloat16()
    losses = cross_entropy(network, x.bfloat16(), y)
    assert losses.dtype == torch.float32
    expected = -network(x.bfloat16()).float().log_softmax(1)[range(3), y]
    torch.testing.assert_close(losses, expected)


def test_clean_is_no_attack() -> None:
    x, network = images(2, 3, 6, 6), conv_net()
    assert torch.equal(Clean()(network, x, labels(2, 10)), x)
    assert not Clean().maximize(lambda image: image.sum((1, 2, 3)), x.requires_grad_()).requires_grad


def test_the_gradient_of_a_loss_is_of_each_image_and_touches_nothing_else() -> None:
    network, x = mixed(), images(3, 3, 6, 6).requires_grad_()
    with torch.no_grad():  # callers without a graph are welcome
        found = gradient_of(lambda image: image.square().sum((1, 2, 3)), x)
        gradient_of(lambda image: cross_entropy(network, image, labels(3, 10)), x)
    assert torch.equal(found, 2 * x.detach()) and not found.requires_grad
    assert x.grad is None and all(p.grad is None for p in network.parameters())
