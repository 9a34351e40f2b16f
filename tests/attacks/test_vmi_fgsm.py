"""VMI-FGSM against the paper's formulas typed in, and attacks that travel from a surrogate to a model."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from robustill.attacks import FGSM, L1, L2, PGD, VMIFGSM, Adversary, Budget, Clean, Linf, Transfer, Zero
from robustill.component import in_full
from robustill.expression import parse
from robustill.types import Images, PerSample
from tests.attacks.oracle import case, stands
from tests.networks import Counting, conv_net, images, labels, modes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wavy(image: Images) -> PerSample:
    """A loss whose gradient changes its direction within the ball."""
    return (30 * image).sin().sum((1, 2, 3)) + (image.flatten(1) ** 3).sum(1)


def wavy_gradient(image: Tensor) -> Tensor:
    return 30 * (30 * image).cos() + 3 * image**2


@pytest.mark.parametrize("momentum", [0.0, 0.5, 1.0])
def test_it_is_algorithm_1_of_the_paper(momentum: float) -> None:
    x, eps, steps, samples, beta = images(3, 1, 4, 5, dtype=torch.float64), 0.1, 4, 3, 1.5
    attack = VMIFGSM(budget=Linf(eps), steps=steps, samples=samples, beta=beta, momentum=momentum)
    noise = generator(5)
    x_adv, g, v = x, torch.zeros_like(x), torch.zeros_like(x)
    for _ in range(steps):
        gradient = wavy_gradient(x_adv)
        g = momentum * g + (gradient + v) / (gradient + v).abs().sum((1, 2, 3), keepdim=True)
        around = [
            torch.rand(x.shape, generator=noise, dtype=x.dtype) * 2 * beta * eps - beta * eps for _ in range(samples)
        ]
        v = sum(wavy_gradient(x_adv + r) for r in around) / samples - gradient
        x_adv = torch.minimum(torch.maximum(x_adv + eps / steps * g.sign(), x - eps), x + eps).clamp(0, 1)
    torch.testing.assert_close(attack.maximize(wavy, x, generator=generator(5)), x_adv, rtol=0, atol=1e-12)


def test_without_neighbours_and_momentum_it_is_pgd_from_the_image() -> None:
    network, x, y = conv_net().double(), images(3, 3, 6, 6, dtype=torch.float64), labels(3, 10)
    plain = VMIFGSM(budget=Linf(0.1), steps=4, samples=0, momentum=0.0, step_size=0.03)
    pgd = PGD(budget=Linf(0.1), steps=4, step_size=0.03, start=Zero())
    torch.testing.assert_close(plain(network, x, y), pgd(network, x, y))


@pytest.mark.parametrize(("steps", "samples", "gradients"), [(10, 20, 190), (1, 20, 1), (3, 0, 3)])
def test_it_takes_no_gradient_that_is_of_no_use(steps: int, samples: int, gradients: int) -> None:
    counting = Counting(conv_net().eval(), 2)
    VMIFGSM(budget=Linf(0.1), steps=steps, samples=samples)(counting, images(2, 3, 6, 6), labels(2, 10))
    assert counting.backwards == counting.forwards == gradients


@pytest.mark.parametrize("budget", [Linf(0.1), L2(0.5), L1(3)], ids=repr)
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_images_stay_in_the_budget_and_in_the_pixels(budget: Budget, batch: int) -> None:
    network, x, y = conv_net(scale=20), images(batch, 3, 6, 5), labels(batch, 10)
    x[:, :, 0] = x[:, :, 0].round()
    x_adv = VMIFGSM(budget=budget, steps=3, samples=2)(network, x, y, generator=generator())
    assert x_adv.min() >= 0 and x_adv.max() <= 1 and not x_adv.requires_grad
    assert budget.holds(x_adv - x).all() and (x_adv != x).flatten(1).any(1).all()


def test_where_the_image_has_no_gradient_the_neighbours_show_the_way() -> None:
    def loss(image: Images) -> PerSample:  # flat at the image itself
        return (image - 0.5).relu().square().sum((1, 2, 3))

    x = torch.full((2, 1, 3, 3), 0.5)
    x_adv = VMIFGSM(budget=Linf(0.1), steps=5)(_Loss(loss), x, labels(2, 2), generator=generator())
    assert torch.equal(x_adv, x)  # cross-entropy of a network that gives equal logits: no direction, no error
    x_adv = VMIFGSM(budget=Linf(0.1), steps=5).maximize(loss, x, generator=generator())
    assert x_adv.isfinite().all() and (loss(x_adv) > 0.05).all()


class _Loss(torch.nn.Module):
    def __init__(self, loss: object) -> None:
        super().__init__()

    def forward(self, x: Images) -> Tensor:
        return 0 * x.flatten(1)[:, :2]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"steps": 0}, r"VMIFGSM requires at least 1 step. Found: steps=0."),
        ({"samples": -1}, r"no negative number of samples. Found: samples=-1"),
        ({"beta": 0.0}, r"a positive beta and a momentum of at least 0, both finite. Found: beta=0.0, momentum=1.0"),
        ({"momentum": -0.1}, r"Found: beta=1.5, momentum=-0.1"),
        ({"momentum": math.nan}, r"Found: beta=1.5, momentum=nan"),
        ({"step_size": 2.0}, r"at most the ball's diameter, 32/255. Found: 2.0. None is the radius over the steps"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(choices: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VMIFGSM(budget=Linf(16 / 255), **choices)  # type: ignore[arg-type]


def test_what_is_written_is_what_is_built() -> None:
    attack = VMIFGSM(budget=Linf(16 / 255), samples=5)
    assert repr(attack) == "VMIFGSM(budget=Linf(16/255), samples=5)"
    assert parse(repr(attack), Adversary) == attack


def test_a_transferred_attack_is_the_surrogates_and_leaves_both_networks_alone() -> None:
    model, surrogate = Counting(conv_net(seed=1), 4).train(), conv_net(seed=2, scale=20).train()
    x, y = images(4, 3, 6, 6), labels(4, 10)
    before, attack = modes(surrogate), VMIFGSM(budget=Linf(0.1), steps=2, samples=2)
    found = Transfer(attack=attack, surrogate=surrogate, name="run:teacher")(model, x, y, generator=generator())
    assert torch.equal(found, attack(surrogate, x, y, generator=generator()))
    assert model.forwards == 0 and modes(surrogate) == before
    assert all(p.grad is None and p.requires_grad for p in surrogate.parameters())


def test_from_the_model_to_itself_nothing_is_lost_and_from_a_strange_network_much() -> None:
    network, x, y = case(40, 1, 5, 5)
    strange, _, _ = case(40, 1, 5, 5, seed=7)
    attack = FGSM(budget=Linf(0.01))
    own = stands(network, attack(network, x, y), y)
    assert torch.equal(stands(network, Transfer(attack=attack, surrogate=network, name="")(network, x, y), y), own)
    across = stands(network, Transfer(attack=attack, surrogate=strange, name="")(network, x, y), y)
    assert across.sum() > own.sum() + 10


def test_results_name_the_surrogate_and_do_not_hold_it() -> None:
    attack = Transfer(attack=VMIFGSM(budget=Linf(16 / 255)), surrogate=conv_net(), name="run:teacher")
    assert repr(attack) == "Transfer(attack=VMIFGSM(budget=Linf(16/255)), name='run:teacher')"
    assert "surrogate" not in in_full(attack) and "samples=20" in in_full(attack)
    assert attack == Transfer(attack=attack.attack, surrogate=conv_net(seed=1), name="run:teacher")
    assert attack != Transfer(attack=Clean(), surrogate=attack.surrogate, name="run:teacher")
