"""The faster copy: the same logits, or the network itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from robustill.attacks import AutoAttack, Linf
from robustill.attacks.search import classify, slope
from robustill.attacks.swift import swift
from tests.attacks.oracle import stands
from tests.networks import conv_net, images


def test_the_copy_has_no_batchnorm_and_the_same_logits_and_gradients() -> None:
    network, x = conv_net(scale=5).eval(), images(6, 3, 9, 7)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    copy = swift(network, x)
    assert copy is not network and not any(isinstance(module, nn.BatchNorm2d) for module in copy.modules())
    assert not any(parameter.requires_grad for parameter in copy.parameters())
    points = [x.clone().requires_grad_() for _ in range(2)]
    logits = [model(point) for model, point in zip((network, copy), points, strict=True)]
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-4, atol=1e-5)
    gradients = [torch.autograd.grad(z[:, 0].sum(), point)[0] for z, point in zip(logits, points, strict=True)]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-6)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


NETWORKS = (
    "SmallCNN(width=4)",
    "ResNet(depth=18, width=4)",
    "PreActResNet(depth=18, width=4)",
    "MobileNetV2()",
    "WideResNet(depth=10, factor=1)",
    "DeepMindPreActResNet(depth=18, width=4)",
    "DeepMindWideResNet(depth=10, factor=1)",
)
COPY = """
import torch
from robustill.attacks.swift import swift
from robustill.models import create_model

for name in {names}:
    copy = swift(create_model(name, 4).eval(), torch.rand(2, 3, 32, 32))
    print(*sorted(type(layer).__name__ for layer in copy.modules()))
"""


def test_every_network_of_ours_has_a_copy() -> None:
    """In a process of its own: the checks of types under pytest refuse what stands for an image while it is traced."""
    command = [sys.executable, "-c", COPY.format(names=NETWORKS)]
    layers = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for name, line in zip(NETWORKS, layers, strict=True):
        assert {"GraphModule", "Stem"} <= set(line.split()), f"{name}: {line}"


class Branching(nn.Module):
    """What it does depends on the images: it cannot be traced."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :3] * (2 if x.mean() > 0.5 else 1)


class Twice(nn.Module):
    """One convolution before two BatchNorms: folding one of them into it would be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.first.running_mean, self.second.running_var = torch.ones(3), torch.full((3,), 4.0)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = (self.first(self.conv(x)) - self.second(self.conv(x))).sum((2, 3))
        return result


def test_where_a_copy_would_not_do_it_is_the_network_itself() -> None:
    x = images(4, 3, 5, 5)
    branching, twice, hooked = Branching(), Twice().eval(), conv_net().eval()
    hooked.head.register_forward_hook(lambda module, inputs, output: 2 * output)
    for network in (branching, twice, hooked):
        assert swift(network, x) is network
    assert swift(branching, x[:0]) is branching


def test_what_the_copy_finds_is_for_the_network_to_judge() -> None:
    """An image is changed exactly where the network itself errs on what was found."""
    network, x = conv_net(scale=20).eval(), images(12, 3, 6, 6)
    with torch.no_grad():
        y = network(x).argmax(1)
    attack = AutoAttack(budget=Linf(0.4), version="quick", seed=0)
    x_adv = attack(network, x, y)
    left = stands(network, x_adv, y)
    assert not left.all()
    assert torch.equal((x_adv == x).flatten(1).all(1), left)


class Shared(nn.Module):
    """Feature maps that are needed after their ReLU too."""

    def __init__(self, module: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.activation = nn.ReLU() if module else F.relu

    def forward(self, x: Tensor) -> Tensor:
        maps = self.first(x) - 0.2
        shared = self.second(maps)
        result: Tensor = (self.activation(shared) + shared + self.activation(maps + x)).sum((2, 3))
        return result


@pytest.mark.parametrize("module", [False, True])
def test_relu_overwrites_only_what_nothing_else_reads(module: bool) -> None:
    network, x = Shared(module), images(4, 3, 5, 5)
    copy = swift(network, x)
    assert isinstance(copy, fx.GraphModule) and copy.code.count("torch.relu_(") == 1
    before = x.clone()
    torch.testing.assert_close(copy(x), network(x))
    assert torch.equal(x, before)


@pytest.mark.parametrize("count", [0, 1, 128, 129, 300])
def test_portions_make_no_difference(count: int) -> None:
    network, x = conv_net().eval(), images(count, 3, 6, 6)
    weights = torch.linspace(-1, 1, count)
    logits, value, gradient = slope(network, x, lambda logits, rows: weights[rows] * logits[:, 1])
    point = x.clone().requires_grad_()
    whole = network(point)
    torch.testing.assert_close(logits, whole)
    torch.testing.assert_close(classify(network, x), whole)
    torch.testing.assert_close(value, weights * whole[:, 1])
    (expected,) = torch.autograd.grad((weights * whole[:, 1]).sum(), point)
    torch.testing.assert_close(gradient, expected)
    assert not value.requires_grad and all(weight.grad is None for weight in network.parameters())


def test_a_copy_that_cannot_run_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """A view needs the memory format that a copy does without."""

    class Viewing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            z: Tensor = self.conv(x)
            return z.view(z.size(0), -1)

    network = Viewing().eval()
    assert swift(network, images(4, 3, 5, 5)) is network
    assert capfd.readouterr() == ("", "")
