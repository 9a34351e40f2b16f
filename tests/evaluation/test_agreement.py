"""GD and GC: closed forms on linear networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustill.data import Split, to_float
from robustill.evaluation import gradient_agreement, input_gradient
from robustill.evaluation.agreement import cosine
from tests.networks import Linear, conv_net, labels, linear, modes
from tests.small import assert_same, tensors


def split(count: int = 40, classes: int = 5) -> Split:
    pixels = torch.randint(256, (count, 1, 3, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Split(pixels, labels(count, classes, seed=1))


def gradients(network: Linear, images: Split) -> Tensor:
    """Wᵀ(softmax(Wx + b) - e_y), in float64."""
    weight, bias = network.weight.detach().double(), network.bias.detach().double()
    p = (to_float(images.images).double().flatten(1) @ weight.T + bias).softmax(1)
    return (p - F.one_hot(images.labels, len(weight))) @ weight


def test_the_gradient_of_a_linear_network() -> None:
    network, images = linear(5, 9, seed=1), split()
    found = input_gradient(network, to_float(images.images), images.labels)
    torch.testing.assert_close(found.flatten(1).double(), gradients(network, images), rtol=1e-5, atol=1e-6)


def test_distance_and_cosine_of_two_linear_networks() -> None:
    student, teacher, images = linear(5, 9, seed=1), linear(5, 9, seed=2), split()
    ours, theirs = gradients(student, images), gradients(teacher, images)
    found = gradient_agreement(student, teacher, images, batch_size=7)
    torch.testing.assert_close(found["gd"].double(), (ours - theirs).norm(dim=1), rtol=1e-5, atol=1e-6)
    cosine = (ours * theirs).sum(1) / (ours.norm(dim=1) * theirs.norm(dim=1))
    torch.testing.assert_close(found["gc"].double(), cosine, rtol=1e-5, atol=1e-6)


def test_a_network_agrees_with_itself() -> None:
    network, images = conv_net(channels=1, classes=5), split()
    found = gradient_agreement(network, network, images)
    assert torch.equal(found["gd"], torch.zeros(40))
    torch.testing.assert_close(found["gc"], torch.ones(40), rtol=0, atol=1e-6)


def test_opposite_networks_of_two_classes_point_away_from_each_other() -> None:
    network, images = linear(2, 9, seed=1), split(classes=2)
    opposite = Linear(-network.weight.detach(), -network.bias.detach())
    torch.testing.assert_close(gradient_agreement(network, opposite, images)["gc"], -torch.ones(40))


def test_a_flat_network_has_no_direction() -> None:
    flat, images = Linear(torch.zeros(5, 9)), split()
    found = gradient_agreement(linear(5, 9), flat, images)
    assert torch.equal(found["gc"], torch.zeros(40))
    torch.testing.assert_close(found["gd"].double(), gradients(linear(5, 9), images).norm(dim=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-10, 1e-25, 1e-35, 1e15])
def test_the_size_of_a_gradient_does_not_change_its_direction(scale: float) -> None:
    """A confident network's gradients are of 1e-25 and less: in float32 their squares are zero."""
    ours, theirs = torch.randn(2, 6, 1, 3, 3, generator=torch.Generator().manual_seed(0)).unbind(0)
    expected = (ours * theirs).sum((1, 2, 3)) / (ours.flatten(1).norm(dim=1) * theirs.flatten(1).norm(dim=1))
    torch.testing.assert_close(cosine(ours * scale, theirs), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(cosine(ours * scale, theirs * scale), expected, rtol=1e-4, atol=1e-5)


def test_no_trace_is_left() -> None:
    student, teacher = conv_net(channels=1, classes=5).train(), conv_net(channels=1, classes=5, seed=2).train()
    before = (tensors(student), tensors(teacher), modes(student), modes(teacher))
    random = torch.get_rng_state()
    gradient_agreement(student, teacher, split())
    assert_same((tensors(student), tensors(teacher), modes(student), modes(teacher)), before)
    assert torch.equal(torch.get_rng_state(), random)
    for parameter in (*student.parameters(), *teacher.parameters()):
        assert parameter.grad is None and parameter.requires_grad


@pytest.mark.parametrize("who", ["student", "teacher"])
def test_gradients_that_are_no_numbers_are_refused(who: str) -> None:
    networks = {"student": linear(5, 9, seed=1), "teacher": linear(5, 9, seed=2)}
    nn.init.constant_(networks[who].bias, float("nan"))
    with pytest.raises(ValueError, match=f"The {who} must have finite input gradients. Found NaN"):
        gradient_agreement(networks["student"], networks["teacher"], split())
