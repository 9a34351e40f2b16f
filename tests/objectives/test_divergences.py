"""Distances between logits: values by hand, gradients where a softmax is saturated, shapes that must not broadcast."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from robustill.objectives import cross_entropy, kl, l1, squared_l2
from robustill.objectives.igdm import Distance
from tests.networks import labels, logits

SCALES = [1e-4, 1e-2, 1.0, 10.0, 1e3]


def test_kl_of_two_classes_by_hand() -> None:
    p, q = 0.8, 0.3
    target, other = (torch.tensor([[math.log(value / (1 - value)), 0.0]], dtype=torch.float64) for value in (p, q))
    expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    torch.testing.assert_close(kl(target, other), torch.tensor([expected], dtype=torch.float64))


def test_kl_is_not_symmetric_the_first_argument_is_the_target() -> None:
    target, other = logits(5, 4), logits(5, 4, seed=1)
    p, q = target.softmax(1), other.softmax(1)
    torch.testing.assert_close(kl(target, other), (p * (p / q).log()).sum(1))
    assert not torch.allclose(kl(target, other), kl(other, target))


def test_kl_is_zero_at_equality_and_positive_elsewhere_and_blind_to_shifts() -> None:
    target, other = logits(20, 7, dtype=torch.float64), logits(20, 7, seed=1, dtype=torch.float64)
    assert kl(target, target).abs().max() == 0
    assert (kl(target, other) > 0).all()
    torch.testing.assert_close(kl(target + 3, other - 50), kl(target, other))


def test_cross_entropy_is_minus_the_log_probability_of_the_label() -> None:
    values, y = logits(6, 5), labels(6, 5)
    torch.testing.assert_close(cross_entropy(values, y), -values.softmax(1).log()[range(6), y])


def test_squared_l2_and_l1_compare_the_logits_themselves() -> None:
    target, other = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[4.0, -2.0], [0.5, 0.0]])
    assert squared_l2(target, other).tolist() == [25, 0.25]
    assert l1(target, other).tolist() == [7, 0.5]


@pytest.mark.parametrize("distance", [kl, squared_l2, l1])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_values_and_both_gradients_are_finite_at_any_scale(
    distance: Distance, scale: float, dtype: torch.dtype
) -> None:
    """At a scale of 1e3 every probability but one underflows to 0: its logarithm must never be formed."""
    target = (scale * logits(32, 10, dtype=dtype)).requires_grad_()
    other = (scale * logits(32, 10, seed=1, dtype=dtype)).requires_grad_()
    values = distance(target, other)
    assert values.shape == (32,) and values.dtype == dtype
    for gradient in torch.autograd.grad(values.sum(), (target, other)):
        assert gradient.isfinite().all() and gradient.abs().max() > 0
    assert values.isfinite().all()


@pytest.mark.parametrize("scale", SCALES)
def test_cross_entropy_and_its_gradient_are_finite_at_any_scale(scale: float) -> None:
    values = (scale * logits(32, 10)).requires_grad_()
    losses = cross_entropy(values, labels(32, 10))
    (gradient,) = torch.autograd.grad(losses.sum(), values)
    assert losses.isfinite().all() and gradient.isfinite().all()


def test_a_softmax_that_underflowed_has_the_right_divergence() -> None:
    """KL(p ‖ q) with p all on class 0 is -log q_0, which a KL from probabilities gives as infinite."""
    target, other = torch.tensor([[1000.0, 0.0, 0.0]]), torch.tensor([[0.0, 1000.0, 0.0]])
    assert kl(target, other).item() == 1000
    assert cross_entropy(other, torch.tensor([0])).item() == 1000


@pytest.mark.parametrize("wrong", ["target", "other"])
def test_gradients_of_kl_agree_with_finite_differences(wrong: str) -> None:
    target = logits(3, 4, dtype=torch.float64).requires_grad_(wrong == "target")
    other = logits(3, 4, seed=1, dtype=torch.float64).requires_grad_(wrong == "other")
    assert torch.autograd.gradcheck(kl, (target, other))


@pytest.mark.parametrize("distance", [kl, squared_l2, l1])
@pytest.mark.parametrize("shape", [(1, 5), (4, 1), (5,), (4, 5, 1)], ids=str)
def test_another_shape_is_refused_instead_of_broadcast(distance: Distance, shape: tuple[int, ...]) -> None:
    with pytest.raises(TypeError, match="Type-check error"):
        distance(torch.zeros(4, 5), torch.zeros(shape))


def test_one_label_for_each_image() -> None:
    with pytest.raises(TypeError, match="Type-check error"):
        cross_entropy(torch.zeros(4, 5), torch.zeros(1, dtype=torch.int64))


def test_kl_never_reduces_over_the_batch() -> None:
    target, other = logits(4, 5), logits(4, 5, seed=1)
    rows: list[Tensor] = [kl(target[i : i + 1], other[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(kl(target, other), torch.cat(rows))
