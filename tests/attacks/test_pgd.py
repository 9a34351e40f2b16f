"""PGD: on linear networks the best perturbation is known; everywhere it stays within the budget and [0, 1]."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from robustill.attacks import L1, L2, PGD, Budget, Gaussian, Linf, Start, Uniform, Zero
from tests.networks import conv_net, images, labels, linear

STARTS: list[Start] = [Zero(), Uniform(), Uniform(clip=False), Gaussian(0.001), Gaussian(2.0)]
every_start = pytest.mark.parametrize("start", STARTS, ids=repr)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ascent(weight: Tensor, y: Tensor) -> Tensor:
    """The direction in which a linear network of two classes loses, for each label: w_other - w_true."""
    return torch.stack([weight[1 - int(label)] - weight[int(label)] for label in y])


@every_start
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_linf_on_a_linear_network_is_the_sign_of_the_weights_clipped_to_pixels(
    start: Start, dtype: torch.dtype
) -> None:
    """The loss of two classes rises with (w_other - w_true)·x', each pixel by itself, so the box's corner is best."""
    eps, x, y = 0.2, images(4, 1, 3, 4, dtype=dtype), labels(4, 2)
    network = linear(2, 12, dtype=dtype)
    best = (x + eps * ascent(network.weight, y).sign().view_as(x)).clamp(0, 1).detach()
    attack = PGD(budget=Linf(eps), steps=12, step_size=0.05, start=start)
    torch.testing.assert_close(attack(network, x, y, generator=generator()), best, rtol=0, atol=1e-6)


@pytest.mark.parametrize("start", [Zero(), Gaussian(0.001), Uniform()], ids=repr)
def test_l2_on_a_linear_network_is_the_normalised_gradient(start: Start) -> None:
    eps, x, y = 0.3, 0.5 + 0.05 * images(4, 1, 3, 4, dtype=torch.float64), labels(4, 2)
    network = linear(2, 12, dtype=torch.float64)
    direction = ascent(network.weight, y)
    best = x + eps * (direction / direction.norm(dim=1, keepdim=True)).view_as(x)
    assert best.min() > 0 and best.max() < 1  # the box plays no part
    x_adv = PGD(budget=L2(eps), steps=40, step_size=0.3, start=start)(network, x, y, generator=generator())
    torch.testing.assert_close(x_adv, best.detach(), rtol=0, atol=1e-6)


def test_l1_on_a_linear_network_spends_everything_on_the_heaviest_pixel() -> None:
    eps, x, y = 0.3, torch.full((3, 1, 2, 3), 0.5, dtype=torch.float64), labels(3, 2)
    network = linear(2, 6, dtype=torch.float64)
    direction = ascent(network.weight, y)
    best = torch.zeros_like(direction)
    heaviest = direction.abs().argmax(1, keepdim=True)
    best.scatter_(1, heaviest, eps * direction.gather(1, heaviest).sign())
    x_adv = PGD(budget=L1(eps), steps=30, step_size=0.3)(network, x, y, generator=generator())
    torch.testing.assert_close(x_adv - x, best.view_as(x).detach(), rtol=0, atol=1e-9)


def test_one_step_from_the_image_is_x_plus_the_step_along_the_sign() -> None:
    x, y, network = images(2, 1, 2, 2), labels(2, 2), linear(2, 4)
    x_adv = PGD(budget=Linf(0.5), steps=1, step_size=0.01, start=Zero())(network, x, y)
    expected = (x + 0.01 * ascent(network.weight, y).sign().view_as(x)).clamp(0, 1)
    torch.testing.assert_close(x_adv, expected.detach())


@every_start
@pytest.mark.parametrize("budget", [Linf(8 / 255), L2(0.5), L1(3)], ids=repr)
@pytest.mark.parametrize("shape", [(1, 1, 5, 7), (3, 3, 9, 4)], ids=str)
def test_images_stay_in_the_budget_and_in_the_pixels(start: Start, budget: Budget, shape: tuple[int, ...]) -> None:
    x = images(shape[0], *shape[1:])
    x[0, :, :2] = x[0, :, :2].round()  # pixels on the border of [0, 1]
    y, network = labels(len(x), 10), conv_net(channels=shape[1])
    attack = PGD(budget=budget, steps=3, step_size=budget.radius / 2, start=start)
    x_adv = attack(network, x, y, generator=generator())
    assert x_adv.shape == x.shape
    assert x_adv.min() >= 0 and x_adv.max() <= 1
    assert (budget.norm(x_adv - x) <= budget.radius * (1 + 1e-5)).all()
    assert not x_adv.requires_grad


def test_the_loss_rises() -> None:
    x, y, network = images(16, 3, 8, 8), labels(16, 10), conv_net(scale=5).eval()
    x_adv = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)(network, x, y, generator=generator())
    with torch.no_grad():
        before, after = (F.cross_entropy(network(image), y, reduction="none") for image in (x, x_adv))
    assert (after > before).all()


@pytest.mark.parametrize("start", [Uniform(), Gaussian(0.001)], ids=repr)
def test_equal_generators_give_equal_images(start: Start) -> None:
    x, y, network = images(2, 3, 6, 6), labels(2, 10), conv_net()
    attack = PGD(budget=Linf(0.1), steps=2, step_size=0.01, start=start)
    first = attack(network, x, y, generator=generator(1))
    assert torch.equal(first, attack(network, x, y, generator=generator(1)))
    assert not torch.equal(first, attack(network, x, y, generator=generator(2)))


def test_images_of_a_batch_do_not_touch_each_other() -> None:
    x, y, network = images(3, 3, 6, 6), labels(3, 10), conv_net().double()
    attack = PGD(budget=Linf(0.1), steps=4, step_size=0.02, start=Zero())
    together = attack(network, x.double(), y)
    alone = torch.cat([attack(network, x[i : i + 1].double(), y[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


def test_the_attacks_own_start_counts_then_the_methods_then_uniform() -> None:
    x, seen = images(2, 1, 3, 3), list[Tensor]()

    def loss(image: Tensor) -> Tensor:
        seen.append(image.detach())
        return image.sum((1, 2, 3))

    def first(attack: PGD, start: Start | None) -> Tensor:
        seen.clear()
        attack.maximize(loss, x, start=start, generator=generator())
        return seen[0]

    silent = PGD(budget=Linf(0.1), steps=1, step_size=0.1)
    assert torch.equal(first(silent, Zero()), x)
    assert torch.equal(first(silent, None), Uniform()(x, Linf(0.1), generator()))
    insistent = PGD(budget=Linf(0.1), steps=1, step_size=0.1, start=Gaussian(0.01))
    assert torch.equal(first(insistent, Zero()), Gaussian(0.01)(x, Linf(0.1), generator()))


def test_it_climbs_any_loss_under_no_grad_and_from_images_with_a_graph() -> None:
    x = images(2, 1, 3, 3).requires_grad_()
    attack = PGD(budget=Linf(0.1), steps=3, step_size=0.1, start=Zero())
    with torch.no_grad():
        x_adv = attack.maximize(lambda image: image.square().sum((1, 2, 3)), x)
    torch.testing.assert_close(x_adv, (x + 0.1).clamp(0, 1).detach())
    outside = attack.maximize(lambda image: image.square().sum((1, 2, 3)), x)
    assert not outside.requires_grad and x.grad is None


def test_a_flat_loss_leaves_the_start() -> None:
    x = images(2, 1, 3, 3)
    attack = PGD(budget=L2(0.1), steps=3, step_size=0.1, start=Zero())
    assert torch.equal(attack.maximize(lambda image: 0 * image.sum((1, 2, 3)), x), x)


@pytest.mark.parametrize("steps", [0, -3])
def test_steps_must_be_positive(steps: int) -> None:
    with pytest.raises(ValueError, match=f"PGD requires at least 1 step. Found: steps={steps}"):
        PGD(budget=Linf(8 / 255), steps=steps, step_size=2 / 255)


@pytest.mark.parametrize("step_size", [0.0, -0.1, 2.0, math.nan, math.inf])
def test_a_step_must_fit_the_ball(step_size: float) -> None:
    with pytest.raises(ValueError, match=rf"ball's diameter, 16/255. Found: {step_size}.*two levels of 255 are 2/255"):
        PGD(budget=Linf(8 / 255), step_size=step_size)
