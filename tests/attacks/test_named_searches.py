"""The searches by their short names, in an evaluation."""

from __future__ import annotations

import pytest
import torch

from robustill.attacks import (
    APGD,
    DLR,
    FGSM,
    PGD,
    Adversary,
    Ascent,
    AutoAttack,
    Linf,
    Margin,
    Square,
    TargetedAPGD,
    TargetedFAB,
    Uniform,
)
from robustill.data import Split
from robustill.evaluation import adversaries_named, correct_under, passes
from robustill.expression import parse
from tests.networks import conv_net, labels

BUDGET = Linf(8 / 255)
PGD20 = PGD(budget=BUDGET, steps=20, step_size=2 / 255, start=Uniform())

MEANT: dict[str, Adversary] = {
    "fgsm": FGSM(budget=BUDGET),
    "cw20": Ascent(attack=PGD20, loss=Margin()),
    "cw20x3": Ascent(attack=PGD20, loss=Margin(), restarts=3),
    "pgd20x5": Ascent(attack=PGD20, restarts=5),
    "pgd20x1": PGD20,
    "apgd-ce": APGD(budget=BUDGET),
    "apgd-dlr": APGD(budget=BUDGET, loss=DLR()),
    "apgd-t": TargetedAPGD(budget=BUDGET),
    "fab-t": TargetedFAB(budget=BUDGET),
    "square": Square(budget=BUDGET),
    "autoattack": AutoAttack(budget=BUDGET),
    "autoattack-quick": AutoAttack(budget=BUDGET, version="quick"),
}


def test_names_mean_the_published_parameters() -> None:
    assert adversaries_named(MEANT, BUDGET) == MEANT


@pytest.mark.parametrize("name", list(MEANT))
def test_what_is_written_is_what_is_built(name: str) -> None:
    assert parse(repr(MEANT[name]), Adversary) == MEANT[name]


@pytest.mark.parametrize("name", ["cw", "cw0", "pgd20x0", "pgd20x", "AutoAttack"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"Found: '{name}'. Others: apgd-ce, .*fgsm.*pgdNxR and cwNxR with R restarts"
    ):
        adversaries_named([name], BUDGET)


def test_passes_of_a_search_are_what_an_image_costs_that_withstands() -> None:
    assert [passes(MEANT[name]) for name in ("fgsm", "pgd20x5", "cw20", "apgd-ce")] == [3, 206, 42, 201]
    assert passes(MEANT["apgd-t"]) == passes(MEANT["fab-t"]) == 2 * 9 * 100 + 1
    assert passes(MEANT["square"]) == 5001
    assert passes(MEANT["autoattack"]) == 1 + 201 + 1801 + 1801 + 5001


def test_an_evaluation_takes_any_adversary_and_checks_what_it_returns() -> None:
    pixels = torch.randint(256, (10, 3, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    split, network = Split(pixels, labels(10, 10)), conv_net(scale=20)
    weak = Ascent(attack=PGD(budget=Linf(0.3), steps=2, step_size=0.2), loss=Margin())
    clean = adversaries_named(["clean"], BUDGET)["clean"]
    assert not (correct_under(network, split, weak) & ~correct_under(network, split, clean)).any()

    far = Ascent(attack=PGD(budget=_Loose(0.3), steps=3, step_size=0.6), loss=Margin())
    with pytest.raises(ValueError, match=r"left its budget"):
        correct_under(network, split, far)


class _Loose(Linf, kw_only=False):
    """A ball that does not hold what it projects."""

    def project(self, delta: torch.Tensor) -> torch.Tensor:
        return delta
