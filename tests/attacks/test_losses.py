"""Losses of the logits against their formulas on numbers that can be checked by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from robustill.attacks import DLR, CrossEntropy, LogitLoss, Margin, TargetedDLR, TargetedLoss, TargetedMargin
from robustill.attacks.losses import margin
from tests.networks import labels, logits

Z = torch.tensor([[5.0, 1.0, 3.0, 2.0], [0.0, 4.0, 4.5, 1.0]])
Y = torch.tensor([0, 1])
T = torch.tensor([2, 3])


def close(value: Tensor, *expected: float) -> None:
    torch.testing.assert_close(value, torch.tensor(expected, dtype=value.dtype))


def test_by_hand() -> None:
    close(margin(Z, Y), 2, -0.5)
    close(Margin()(Z, Y), -2, 0.5)
    close(DLR()(Z, Y), -2 / 3, 0.5 / 3.5)  # (z_other - z_y) / (first - third)
    close(TargetedMargin()(Z, Y, T), -2, -3)
    close(TargetedDLR()(Z, Y, T), -2 / 3.5, -3 / 4)  # / (first - (third + fourth) / 2)
    close(CrossEntropy()(Z[:1], Y[:1]), float(Z[0].exp().sum().log()) - 5)


@pytest.mark.parametrize("loss", [Margin(), DLR()], ids=repr)
def test_the_sign_says_whether_the_network_errs(loss: LogitLoss) -> None:
    z, y = logits(200, 6), labels(200, 6)
    assert torch.equal(loss(z, y) > 0, z.argmax(1) != y)


def test_ratios_do_not_feel_shift_and_scale() -> None:
    z, y, t = logits(50, 6, dtype=torch.float64), labels(50, 6), labels(50, 6, seed=1)
    torch.testing.assert_close(DLR()(1000 * z + 7, y), DLR()(z, y))
    torch.testing.assert_close(TargetedDLR()(1000 * z + 7, y, t), TargetedDLR()(z, y, t))


def test_gradients_lower_the_true_class() -> None:
    z, y, t = logits(20, 6).requires_grad_(), labels(20, 6), (labels(20, 6) + 1) % 6
    losses = [CrossEntropy()(z, y), Margin()(z, y), TargetedMargin()(z, y, t)]
    for loss in losses:
        (gradient,) = torch.autograd.grad(loss.sum(), z)
        assert (gradient.gather(1, y[:, None]) < 0).all()


@pytest.mark.parametrize(("loss", "classes"), [(DLR(), 2), (TargetedDLR(), 3)], ids=repr)
def test_a_ratio_needs_enough_classes(loss: LogitLoss | TargetedLoss, classes: int) -> None:
    z, y = logits(4, classes), labels(4, classes)
    found = rf"requires at least {classes + 1} classes. Found: {classes}. Climb (Targeted)?Margin\(\) instead"
    with pytest.raises(ValueError, match=found):
        loss(z, y, y) if isinstance(loss, TargetedLoss) else loss(z, y)
