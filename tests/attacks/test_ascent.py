"""An attack on any loss of the logits, restarted on what still stands."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from robustill.attacks import PGD, Ascent, CrossEntropy, Linf, Margin, Uniform, Zero
from robustill.attacks.losses import margin
from tests.attacks.oracle import case, distance, stands
from tests.networks import Counting


def pgd(*, start: Zero | Uniform, steps: int = 5) -> PGD:
    return PGD(budget=Linf(0.02), steps=steps, step_size=0.005, start=start)


def test_one_search_on_cross_entropy_is_the_attack_itself_where_it_succeeds() -> None:
    network, x, y = case(40, 1, 5, 5)
    plain = pgd(start=Zero())(network, x, y)
    ours = Ascent(attack=pgd(start=Zero()))(network, x, y)
    standing = stands(network, plain, y)
    wrong_before = ~stands(network, x, y)
    fooled = ~standing & ~wrong_before
    assert fooled.any() and standing.any()
    assert torch.equal(ours[fooled], plain[fooled])
    assert torch.equal(ours[~fooled], x[~fooled])


def test_it_climbs_the_loss_it_is_given() -> None:
    """Where cross-entropy saturates to zero in float32 its gradient is nothing; the margin still has one."""
    network, x, y = case(40, 1, 5, 5)
    with torch.no_grad():
        network.weight.mul_(1e6), network.bias.mul_(1e6)
        sure = (margin(network(x), y) > 1e4) & (distance(network, x, y, Linf(0.02)) < 0.015)
        assert sure.sum() > 3 and not F.cross_entropy(network(x), y, reduction="none")[sure].any()
    on_ce, on_margin = (
        Ascent(attack=pgd(start=Zero()), loss=loss)(network, x, y) for loss in (CrossEntropy(), Margin())
    )
    assert torch.equal(on_ce[sure], x[sure])
    assert not stands(network, on_margin, y)[sure].any()


def test_restarts_search_again_only_where_an_image_still_stands() -> None:
    network, x, y = case(40, 1, 5, 5)
    seen: list[int] = []

    class Watching(torch.nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            seen.append(len(z))
            logits: Tensor = network(z)
            return logits

    one = stands(network, Ascent(attack=pgd(start=Uniform(), steps=1))(network, x, y, generator=_seeded()), y)
    seen.clear()
    attack = Ascent(attack=pgd(start=Uniform(), steps=1), restarts=3)
    left = stands(network, attack(Watching(), x, y, generator=_seeded()), y)
    assert not (left & ~one).any()
    clean = stands(network, x, y)
    assert seen[:5] == [len(x), int(clean.sum()), int(clean.sum()), int(one.sum()), int(one.sum())]


def test_nothing_is_searched_where_every_image_is_wrong_already() -> None:
    network, x, y = case(8, 1, 4, 4)
    wrong = (network(x).argmax(1) + 1) % 5
    counting = Counting(network, len(x))
    assert torch.equal(Ascent(attack=pgd(start=Zero()), restarts=4)(counting, x, wrong), x)
    assert counting.forwards == 1 and y.shape == wrong.shape


@pytest.mark.parametrize("restarts", [0, -1])
def test_at_least_one_search(restarts: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 restart, the first search. Found: restarts={restarts}"):
        Ascent(attack=pgd(start=Zero()), restarts=restarts)


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
