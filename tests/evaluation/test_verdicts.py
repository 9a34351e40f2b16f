"""What every honest evaluation shows: the ensemble is the strongest, and ordinary training gives no robustness."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustill.attacks import L1, L2, AutoAttack, Budget, Clean, Linf
from robustill.data import Split, to_float
from robustill.evaluation import Under, adversaries_named, correct_under, measure_batches
from tests.evaluation.brief import Brief
from tests.evaluation.test_accuracy import linear_case
from tests.networks import Linear, TinyConvNet, conv_net

SINGLE = ("fgsm", "pgd20", "cw20", "noise100")
BALLS = [Linf(4 / 255), L2(0.1), L1(0.5)]


@cache
def case() -> tuple[TinyConvNet, Split]:
    """A network that names all of four classes, and images of which it gets every seventh wrong."""
    pixels = torch.randint(256, (40, 3, 6, 6), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    network = conv_net(classes=4).eval()
    with torch.no_grad():
        logits = network(to_float(pixels))
        network.head.bias.sub_(logits.mean(0))
        y = (logits - logits.mean(0)).argmax(1)
    y[::7] = (y[::7] + 1) % 4
    return network, Split(pixels, y)


@pytest.mark.parametrize("budget", BALLS, ids=repr)
def test_autoattack_is_at_least_as_strong_as_every_single_attack_image_by_image(budget: Budget) -> None:
    network, split = case()
    ensemble = Brief(budget=budget, steps=20, queries=50)
    standing = correct_under(network, split, ensemble)
    assert 0 < standing.sum() < correct_under(network, split, Clean()).sum() == 34
    for name, attack in {**adversaries_named(SINGLE, budget), **ensemble.attacks(4)}.items():
        fallen = ~correct_under(network, split, attack)
        assert not (standing & fallen).any(), name


def test_who_broke_what_is_told_and_adds_up() -> None:
    network, split = case()
    found = measure_batches(network, split, Under("aa", Brief(budget=BALLS[0])))
    broken_by = torch.from_numpy(found["broken_by_aa"])
    assert broken_by.dtype == torch.int8
    assert torch.equal(broken_by == -1, torch.from_numpy(found["correct_aa"]))
    assert torch.equal(broken_by == 0, ~correct_under(network, split, Clean()))
    assert set(broken_by.tolist()) <= {-1, 0, 1, 2, 3, 4} and (broken_by == 1).any()


def test_a_verdict_that_the_last_forward_turns_is_the_last_forwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding in another batch than the attack's can do that; here AutoAttack lies."""
    network, split, distance = linear_case()
    ensemble = Brief(budget=Linf(4 / 255))
    honest = ensemble.staged

    def lying(*given: object, **options: object) -> object:
        staged = honest(*given, **options)  # type: ignore[arg-type]
        return type(staged)(staged.images, -1 - staged.broken_by.clamp(max=0), staged.stages)

    monkeypatch.setattr(Brief, "staged", lambda self, *given, **options: lying(*given, **options))
    found = measure_batches(network, split, Under("aa", ensemble))
    correct, broken_by = (torch.from_numpy(found[f"{name}_aa"]) for name in ("correct", "broken_by"))
    assert torch.equal(correct, distance > 4 / 255)
    assert torch.equal(broken_by == -1, correct) and (broken_by[~correct] >= 0).all()


def test_a_normally_trained_network_falls_to_nothing() -> None:
    """It reads its classes off a pattern of 6 levels, which no budget of 8 leaves it."""
    random = torch.Generator().manual_seed(0)
    patterns = 6 * torch.randint(0, 2, (4, 3, 8, 8), generator=random).mul(2).sub(1)
    y = torch.arange(80) % 4
    noise = torch.randint(-8, 9, (80, 3, 8, 8), generator=random)
    split = Split((128 + patterns[y] + noise).to(torch.uint8), y)
    network = trained(split)
    assert correct_under(network, split, Clean()).all()
    attacks = adversaries_named(("pgd20", "apgd-ce"), Linf(8 / 255)) | {"aa": AutoAttack(budget=Linf(8 / 255))}
    for name, attack in attacks.items():
        assert not correct_under(network, split, attack).any(), name
    assert correct_under(network, split, *adversaries_named(("noise",), Linf(8 / 255)).values()).float().mean() > 0.9


def trained(split: Split) -> nn.Module:
    """A linear classifier descended on clean images, until it makes no mistake."""
    weight = torch.zeros(4, split.images[0].numel(), requires_grad=True)
    x = to_float(split.images).flatten(1)
    for _ in range(100):
        loss = F.cross_entropy((x - 0.5) @ weight.T, split.labels)
        (gradient,) = torch.autograd.grad(loss, weight)
        weight = (weight - 10 * gradient).detach().requires_grad_()
    return Linear(weight.detach(), -weight.detach().sum(1) / 2)
