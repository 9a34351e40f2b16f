"""Accuracy under an adversary: exact on linear networks, streamed, strict with adversaries, and leaves no trace."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor, nn

from robustill.attacks import L2, PGD, Attack, Budget, Clean, Linf, Start, Uniform, Zero
from robustill.attacks.base import Loss
from robustill.data import Split
from robustill.evaluation import correct_under, passes
from robustill.types import Images
from tests.networks import Linear, conv_net, labels, modes
from tests.small import assert_same, tensors

PGD20 = PGD(budget=Linf(8 / 255), steps=20, step_size=2 / 255)


def grey(count: int = 120, *, low: int = 64, high: int = 192, seed: int = 0) -> Tensor:
    """Images so far from black and white that no perturbation is cut off."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (count, 1, 4, 4), generator=generator, dtype=torch.uint8)


def coloured(count: int = 50) -> Split:
    pixels = torch.randint(256, (count, 3, 6, 6), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    return Split(pixels, labels(count, 10))


def linear_case() -> tuple[Linear, Split, Tensor]:
    """A two-class linear network, images, and the distance of each to being misclassified in the maximum norm."""
    weight = torch.randn(2, 16, generator=torch.Generator().manual_seed(1))
    pixels = grey()
    network = Linear(weight - (weight.mean(1, keepdim=True)))  # otherwise brightness alone decides
    x = pixels.flatten(1).double() / 255
    w = (network.weight[0] - network.weight[1]).detach().double()
    decision = x @ w
    y = (decision < 0).long()
    y[::7] = 1 - y[::7]  # some images are misclassified to begin with
    margin = torch.where(y == 0, decision, -decision)
    return network, Split(pixels, y), margin / w.abs().sum()


@pytest.mark.parametrize("levels", [1, 2, 4, 8, 16])
def test_a_linear_network_is_robust_exactly_where_its_margin_is_wide_enough(levels: int) -> None:
    network, split, distance = linear_case()
    robust = distance > levels / 255
    assert 0 < robust.sum() < len(split)
    for start in (Zero(), Uniform()):
        attack = PGD(budget=Linf(levels / 255), steps=20, step_size=levels / 255 / 4, start=start)
        assert torch.equal(correct_under(network, split, attack), robust)


@pytest.mark.parametrize("radius", [0.05, 0.2])
def test_and_in_the_euclidean_norm_by_the_dual_one(radius: float) -> None:
    network, split, distance = linear_case()
    w = (network.weight[0] - network.weight[1]).detach().double()
    robust = distance * w.abs().sum() / w.norm() > radius
    assert 0 < robust.sum() < len(split)
    attack = PGD(budget=L2(radius), steps=20, step_size=radius / 4, start=Zero())
    assert torch.equal(correct_under(network, split, attack), robust)


def test_clean_accuracy_is_that_of_the_images() -> None:
    network, split, distance = linear_case()
    assert torch.equal(correct_under(network, split, Clean()), distance > 0)


def test_a_stronger_adversary_breaks_what_a_weaker_one_broke() -> None:
    network, split, _ = linear_case()
    weak, strong = (
        correct_under(network, split, PGD(budget=Linf(levels / 255), steps=20, step_size=levels / 255 / 4))
        for levels in (2, 6)
    )
    assert not (strong & ~weak).any() and strong.sum() < weak.sum()


@pytest.mark.parametrize("attack", [Clean(), PGD(budget=Linf(8 / 255), steps=3, step_size=4 / 255, start=Zero())])
def test_how_images_are_batched_changes_nothing_without_noise(attack: Attack) -> None:
    network, split = conv_net(), coloured()
    whole = correct_under(network, split, attack, batch_size=50)
    assert 0 < whole.sum() < 50
    for batch_size in (1, 7, 256):
        assert torch.equal(correct_under(network, split, attack, batch_size=batch_size), whole)


def test_the_noise_is_the_seeds_and_nobody_elses() -> None:
    network, split, _ = linear_case()
    noise = PGD(budget=Linf(32 / 255), steps=1, step_size=1e-4, start=Uniform())
    first = correct_under(network, split, noise, seed=0)
    torch.rand(17)  # moves the global generator
    assert torch.equal(correct_under(network, split, noise, seed=0), first)
    assert not torch.equal(correct_under(network, split, noise, seed=1), first)


def test_no_trace_is_left() -> None:
    network = conv_net().train()
    network.body[1].eval()
    network.body[0].weight.requires_grad_(False)
    network.head.weight.grad = torch.full_like(network.head.weight, 3.0)
    before, mode, random = tensors(network), modes(network), torch.get_rng_state()
    correct_under(network, coloured(), PGD20, batch_size=20)
    assert_same(tensors(network), before)
    assert modes(network) == mode
    assert torch.equal(torch.get_rng_state(), random)
    assert [p.requires_grad for p in network.parameters()] == [False] + [True] * 7
    assert network.head.weight.grad.eq(3).all() and network.head.bias.grad is None


def test_the_network_is_measured_in_eval_mode() -> None:
    training, evaluating = conv_net().train(), conv_net().eval()
    assert torch.equal(correct_under(training, coloured(), PGD20), correct_under(evaluating, coloured(), PGD20))


def test_progress_is_told_in_passes() -> None:
    told: list[float] = []
    correct_under(conv_net(), coloured(), PGD20, batch_size=20, advance=told.append)
    assert told == [20 * 41, 20 * 41, 10 * 41]
    assert (passes(PGD20), passes(Clean())) == (41, 1)


class Rogue(Attack):
    """Breaks one rule of adversaries."""

    rule: str
    budget: Budget | None = None

    def maximize(
        self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
    ) -> Images:
        shifted = {
            "budget": (x + 9 / 255).clamp(0, 1),
            "below": x - 1,
            "above": x + 1,
            "finite": x * float("nan"),
        }
        return shifted[self.rule]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("budget", r"left its budget Linf\(8/255\): a perturbation has norm 0.035"),
        ("below", r"must return images in \[0, 1\] of the shape it was given"),
        ("above", r"must return images in \[0, 1\]"),
        ("finite", "must return finite images. Found NaN or infinity: are the logits, and their gradients?"),
    ],
)
def test_an_adversary_that_breaks_its_rules_is_refused(rule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        correct_under(conv_net(), coloured(), Rogue(rule=rule, budget=Linf(8 / 255)))


def test_within_rounding_of_the_radius_is_within_the_budget() -> None:
    assert len(correct_under(conv_net(), coloured(), Rogue(rule="budget", budget=Linf(9 / 255)))) == 50


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_refused(value: float) -> None:
    network = conv_net()
    nn.init.constant_(network.head.bias, value)
    with pytest.raises(
        ValueError, match=r"must give finite logits\. Found NaN or infinity on 50 of 50 images under Clean"
    ):
        correct_under(network, coloured(), Clean())
    with pytest.raises(ValueError, match="finite"):
        correct_under(network, coloured(), PGD20)


def test_a_batch_without_images_is_refused() -> None:
    with pytest.raises(ValueError, match="`batch_size` must be 1 or more; found 0"):
        correct_under(conv_net(), coloured(), Clean(), batch_size=0)
