"""FGSM: one step of the whole radius from the image itself."""

from __future__ import annotations

import pytest
import torch

from robustill.attacks import FGSM, L1, L2, PGD, Budget, Linf, Uniform, Zero
from tests.networks import conv_net, images, labels


@pytest.mark.parametrize("budget", [Linf(8 / 255), L2(0.5), L1(0.4)], ids=repr)
def test_it_is_one_whole_step_of_pgd_from_the_image(budget: Budget) -> None:
    network, x, y = conv_net(), images(4, 3, 5, 7), labels(4, 10)
    pgd = PGD(budget=budget, steps=1, step_size=budget.radius, start=Zero())
    torch.testing.assert_close(FGSM(budget=budget)(network, x, y), pgd(network, x, y), rtol=0, atol=1e-6)


def test_a_methods_start_does_not_move_it() -> None:
    x = images(2, 1, 3, 3)
    loss = lambda image: image.square().sum((1, 2, 3))  # noqa: E731
    found = FGSM(budget=Linf(0.1)).maximize(loss, x.requires_grad_(), start=Uniform())
    torch.testing.assert_close(found, (x + 0.1).clamp(0, 1).detach())
    assert not found.requires_grad and x.grad is None
