"""What is seen of a forward, and what is not mistaken for something else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustill.audit.watch import Seen, watch
from robustill.types import Images
from tests.networks import images

X = images(4, 2, 6, 6)


class Doing(nn.Module):
    """A forward that is a function."""

    def __init__(self, function: Callable[[Images], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Images) -> torch.Tensor:
        return self.function(x)


def seen(module: nn.Module) -> Seen:
    with torch.no_grad():
        return watch(module, X)


def slope(x: Images) -> Images:
    with torch.enable_grad():
        image = x.detach().requires_grad_()
        image.square().sum().backward()
        assert image.grad is not None
        return image.grad


@pytest.mark.parametrize(
    "harmless",
    [
        nn.Dropout().eval(),
        nn.BatchNorm2d(2).eval(),
        nn.InstanceNorm2d(2),
        nn.GroupNorm(1, 2),
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()),
    ],
    ids=["dropout", "batch_norm", "instance_norm", "group_norm", "convolution"],
)
def test_what_is_harmless(harmless: nn.Module) -> None:
    assert seen(harmless) == Seen()


@pytest.mark.parametrize(
    ("function", "dropout"),
    [
        (lambda x: F.dropout(x), 1),
        (lambda x: F.dropout(x, 0.5, False), 0),
        (lambda x: F.dropout2d(x, training=True), 1),
        (lambda x: F.dropout2d(x, training=False), 0),
        (nn.Dropout(), 1),
    ],
    ids=["default", "off", "channels", "channels_off", "module"],
)
def test_dropout(function: Callable[[Images], torch.Tensor], dropout: int) -> None:
    assert seen(Doing(function)) == Seen(dropout=dropout)


def test_batch_statistics() -> None:
    layers = [nn.BatchNorm2d(2).train(), nn.BatchNorm2d(2, track_running_stats=False).eval(), nn.BatchNorm2d(2).eval()]
    assert seen(nn.Sequential(*layers)) == Seen(batch_statistics=2)


def test_draws_have_names() -> None:
    assert seen(Doing(lambda x: x + torch.randn_like(x))).draws == {"randn_like"}
    assert seen(Doing(lambda x: x + torch.empty_like(x).uniform_())).draws == {"uniform_"}


def test_gradients_that_a_forward_asks_for() -> None:
    assert seen(Doing(slope)).gradients == 1
    assert seen(nn.Sequential(Doing(slope), Doing(slope))).gradients == 2
