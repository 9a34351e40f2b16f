"""The remainder of the linearisation: nothing for a linear network, a known share for a known curve."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from robustill.evaluation import remainder_proportion
from tests.networks import conv_net, images, linear, modes


def test_a_linear_network_has_none() -> None:
    x = images(3, 1, 4, 4)
    assert remainder_proportion(linear(5, 16), x, 0.1 * torch.randn_like(x)).max() < 1e-5


class Square(nn.Module):
    """f(x) = the squares of the first two pixels: f(x + ε) - f(x) - ∇fᵀε = ε²."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :2].square()


def test_a_square_has_that_of_its_second_order_term() -> None:
    x, epsilon = torch.full((2, 1, 2, 2), 0.5), torch.full((2, 1, 2, 2), 0.1)
    expected = 0.1**2 / 0.6**2
    assert remainder_proportion(Square(), x, epsilon).tolist() == pytest.approx([expected] * 2, rel=1e-4)


def test_the_network_is_left_as_it_was() -> None:
    network, x = conv_net().train(), images(4, 3, 8, 8)
    before, state = modes(network), {key: value.clone() for key, value in network.state_dict().items()}
    remainder_proportion(network, x, torch.zeros_like(x))
    assert modes(network) == before and all(p.grad is None and p.requires_grad for p in network.parameters())
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
