"""The remainder of the linearisation: nothing for a linear network, a known share for a known curve."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from robustill.attacks import L2, PGD, Linf
from robustill.evaluation import Remainder, evaluate, remainder_proportion
from tests.evaluation.test_accuracy import coloured
from tests.networks import conv_net, images, labels, linear, modes
from tests.small import assert_same, tensors

PGD5 = PGD(budget=Linf(8 / 255), steps=5, step_size=4 / 255)


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


def test_under_noise_and_along_an_attack() -> None:
    network, x, y = conv_net(), images(6, 3, 6, 6), labels(6, 10)
    found = Remainder(L2(0.5), PGD5)(network, x, y, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    noise = L2(0.5).uniform(x, generator)
    assert torch.equal(found["remainder_uniform"], remainder_proportion(network, x, noise))
    delta = PGD5(network, x, y, generator=generator) - x
    assert torch.equal(found["remainder_adversarial"], remainder_proportion(network, x, delta))


def test_an_evaluation_reports_it_with_its_parameters_and_leaves_no_trace() -> None:
    network = conv_net().train()
    before = (tensors(network), modes(network), torch.get_rng_state())
    found = evaluate(network, coloured(), adversaries={}, more=[Remainder(Linf(8 / 255), PGD5)]).measures
    assert_same((tensors(network), modes(network), torch.get_rng_state()), before)
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert list(found) == ["remainder_uniform", "remainder_adversarial"]
    assert "uniform in Linf(8/255), not clipped, or of PGD(budget=Linf(8/255), steps=5, step_size=4/255)" in (
        found["remainder_uniform"].text
    )


def test_a_transformer_whose_attention_has_no_second_derivative() -> None:
    class Attention(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.scaled_dot_product_attention(x, x, x)[:, 0].mean(1)

    x = images(3, 1, 8, 8)
    share = remainder_proportion(Attention(), x, torch.full_like(x, 1e-3))
    assert share.isfinite().all() and share.max() < 1e-3
