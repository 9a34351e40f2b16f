"""Networks asked about many images in portions: what comes back is what they say of all of them at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from robustill.attacks import (
    FGSM,
    PGD,
    VMIFGSM,
    Adversary,
    Ascent,
    Linf,
    Margin,
    TargetedAPGD,
    TargetedFAB,
    TargetedMargin,
    search,
)
from robustill.attacks.search import PORTION, classify, in_portions, slope, targets_of
from tests.networks import conv_net, images, labels, linear


class Watched(nn.Module):
    """A network that writes down how many images it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.seen = conv_net().double().eval(), list[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        found: Tensor = self.network(x)
        return found


@pytest.mark.parametrize("count", [1, PORTION, PORTION + 1, 2 * PORTION + 3])
def test_portions_change_nothing(count: int) -> None:
    x, y = images(count, 3, 8, 8, dtype=torch.float64), labels(count, 10)
    model = Watched()
    whole = x.clone().requires_grad_()
    expected = model.network(whole)
    (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(expected, y, reduction="sum"), whole)

    torch.testing.assert_close(classify(model, x), expected.detach())
    logits, loss, found = slope(model, x, lambda z, rows: nn.functional.cross_entropy(z, y[rows], reduction="none"))
    torch.testing.assert_close(logits, expected.detach())
    torch.testing.assert_close(loss, nn.functional.cross_entropy(expected, y, reduction="none").detach())
    torch.testing.assert_close(found, gradient)
    assert sum(model.seen) == 2 * count
    assert max(model.seen) <= PORTION and max(model.seen) - min(model.seen) <= 1


BALL = Linf(0.05)
CLIMBING: list[Adversary] = [
    PGD(budget=BALL, steps=3, step_size=0.02),
    FGSM(budget=BALL),
    VMIFGSM(budget=BALL, steps=2, samples=2),
    Ascent(attack=PGD(budget=BALL, steps=2, step_size=0.02), loss=Margin(), restarts=2),
]


@pytest.mark.parametrize("adversary", CLIMBING, ids=repr)
def test_an_attack_in_portions_has_the_noise_of_the_whole_batch(
    adversary: Adversary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(portion: int) -> tuple[Tensor, Tensor, list[int]]:
        monkeypatch.setattr(search, "PORTION", portion)
        model, noise = Watched(), torch.Generator().manual_seed(4)
        x = images(11, 3, 8, 8, dtype=torch.float64)
        x_adv = adversary(model, x, model.network(x).argmax(1), generator=noise)
        return x_adv, torch.rand(1, generator=noise), model.seen

    expected, drawn_next, at_once = found(11)
    x_adv, next_too, seen = found(4)
    torch.testing.assert_close(x_adv, expected, rtol=0, atol=1e-12)
    assert torch.equal(drawn_next, next_too) and max(at_once) == 11 and sum(seen) == sum(at_once)
    climbing = [count for count in seen if count <= 4]
    assert climbing and (isinstance(adversary, Ascent) or climbing == seen)


def test_rows_that_belong_together_are_in_one_portion() -> None:
    x, rows = images(2 * PORTION + 3, 1, 2, 2), torch.arange(2 * PORTION + 3)
    sizes = list[int]()

    def work(some: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        sizes.append(len(some))
        return some * number[:, None, None, None], number

    product, numbers = in_portions(work, x, rows)
    assert torch.equal(product, x * rows[:, None, None, None]) and torch.equal(numbers, rows)
    assert len(sizes) == 3 and max(sizes) <= PORTION


def test_no_images_are_no_portions() -> None:
    assert classify(conv_net().eval(), images(0, 3, 8, 8)).shape == (0, 10)


def test_the_true_class_is_no_target_however_many_share_its_logit() -> None:
    logits = torch.tensor([[3.0, 1, 2, 0], [5, 5, 5, 0], [0, 4, 1, 4]])
    standing, targets = targets_of(nn.Flatten(), logits[:, None, None], torch.tensor([0, 0, 3]), 3)
    assert standing.tolist() == [True, True, False]
    assert torch.stack(targets, 1)[0].tolist() == [2, 1, 3]
    assert torch.stack(targets, 1)[1].sort().values.tolist() == [1, 2, 3]
    assert torch.stack(targets, 1)[2].tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    "attack",
    [
        TargetedAPGD(budget=Linf(0.1), steps=5, loss=TargetedMargin(), targets=2),
        TargetedFAB(budget=Linf(0.1), steps=5, targets=2),
    ],
    ids=["apgd-t", "fab-t"],
)
def test_an_image_whose_highest_logits_tie_is_attacked(attack: Adversary) -> None:
    model, x = linear(3, 2), torch.full((1, 1, 1, 2), 0.5)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0, 0], [1, 0], [0, 1]]))
        model.bias.copy_(torch.tensor([0.0, -0.5, -0.5625]))
    assert model(x)[0, :2].tolist() == [0, 0]
    assert model(attack(model, x, torch.tensor([0]))).argmax(1) != 0
