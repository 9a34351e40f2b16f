from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from robustill.attacks.stem import Stem
from robustill.attacks.swift import swift
from tests.networks import conv_net, images


@given(
    channels=st.integers(1, 4),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 5),
    height=st.integers(5, 11),
    width=st.integers(5, 11),
    bias=st.booleans(),
    channels_last=st.booleans(),
)
def test_maps_and_gradient_are_the_convolutions(
    channels: int, kernel: int, stride: int, padding: int, height: int, width: int, bias: bool, channels_last: bool
) -> None:
    conv = nn.Conv2d(channels, 5, kernel, stride, padding, bias=bias, dtype=torch.float64)
    stem = Stem(conv)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    x = torch.randn(2, channels, height, width, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    expected, found = conv(x), stem(x)
    assert torch.equal(found, expected)
    dy = torch.randn_like(expected)
    (gradient,) = torch.autograd.grad(expected, x, dy)
    torch.testing.assert_close(torch.autograd.grad(found, x, dy)[0], gradient, rtol=0, atol=1e-12)
    with torch.no_grad():
        assert torch.equal(stem(x), expected)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(5, 8, 3),
        nn.Conv2d(3, 3, 3, groups=3),
        nn.Conv2d(3, 8, 3, dilation=2),
        nn.Conv2d(3, 8, 3, padding="same"),
        nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(3, 8, (3, 5)),
        nn.Conv2d(3, 8, 3, stride=(1, 2)),
        nn.Conv2d(3, 8, 3, padding=(0, 1)),
        nn.ConvTranspose2d(3, 8, 3),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3)),
    ],
)
def test_other_layers_stay_what_they_are(layer: nn.Module) -> None:
    assert not Stem.suits(layer)


def test_a_copy_for_searches_differentiates_the_image_in_blocks() -> None:
    network, x = conv_net().eval(), images(3, 3, 9, 7)
    before = [type(layer) for layer in network.modules()]
    copy = swift(network, x)
    assert Stem in {type(layer) for layer in copy.modules()}
    assert [type(layer) for layer in network.modules()] == before
