"""C: an attack that should be stronger and is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from robustill.attacks import FGSM, Adversary, Ascent, Budget, Linf, Margin, Uniform, UniformNoise
from robustill.audit import Subject
from robustill.audit.sanity import DRAWS, MULTIPLES
from robustill.audit.subject import BATCH
from robustill.types import Images
from tests.audit.planting import constant, easy, first, plant, plant_autoattack, subject_of, verdict
from tests.networks import linear

QUICK = ("clean", "apgd-ce", "apgd-t")
STANDARD = (*QUICK, "fab-t", "square")


def again(subject: Subject) -> Adversary:
    return Ascent(attack=subject.pgd(), restarts=subject.effort.restarts)


def noise(subject: Subject) -> Adversary:
    return UniformNoise(budget=subject.budget, draws=DRAWS)


def fgsm(subject: Subject) -> Adversary:
    return FGSM(budget=subject.budget)


def on_the_margin(subject: Subject) -> Adversary:
    return Ascent(attack=subject.pgd(), loss=Margin())


def more_steps(subject: Subject) -> Adversary:
    return subject.pgd(times=2)


@pytest.mark.parametrize(
    ("id", "stronger"), [("C16", fgsm), ("C18", more_steps), ("C21", noise)], ids=["fgsm", "steps", "noise"]
)
@pytest.mark.parametrize(("broken", "expected"), [(50, "pass"), (80, "fail")])
def test_what_breaks_more_than_pgd(id: str, stronger: object, broken: int, expected: str) -> None:
    subject = easy()
    assert callable(stronger)
    plant(subject, subject.pgd(), first(50))
    plant(subject, stronger(subject), first(broken))
    assert verdict(id, subject)[0] == expected


def test_fgsm_may_break_less() -> None:
    subject = easy()
    plant(subject, subject.pgd(), first(50))
    plant(subject, fgsm(subject), first(40))
    assert verdict("C16", subject) == ("pass", "0 of 200 images fall to FGSM alone")


def test_restarts_count_together() -> None:
    """Another start that breaks fewer images breaks others."""
    subject = easy()
    plant(subject, subject.pgd(), first(50))
    plant(subject, again(subject), ~first(10))
    assert verdict("C19", subject) == ("fail", "150 of 200 images fewer stand after 2 starts")
    plant(subject, again(subject), first(30))
    assert verdict("C19", subject)[0] == "pass"


@pytest.mark.parametrize("stronger", [fgsm, again, on_the_margin], ids=["fgsm", "restart", "margin"])
def test_what_autoattack_misses(stronger: object) -> None:
    subject = easy()
    assert callable(stronger)
    plant_autoattack(subject, [1] * 50, QUICK)
    for attack in (fgsm(subject), subject.pgd(), again(subject), on_the_margin(subject)):
        plant(subject, attack, first(50))
    assert verdict("C17", subject) == ("pass", "0 of 200 images are missed; AutoAttack quick leaves 150")
    plant(subject, stronger(subject), first(60))
    found, said = verdict("C17", subject)
    assert found == "fail" and "10 of 200" in said and "missed ones fall to " in said


def curve(subject: Subject, *standing: int) -> Subject:
    """PGD at the multiples of the budget leaves so many standing."""
    plant(subject, replace(subject.pgd(subject.ball(1e-9)), steps=1), subject.correct)
    for times, count in zip(MULTIPLES, standing, strict=True):
        plant(subject, subject.pgd(subject.ball(times)), first(200 - count))
    return subject


def test_a_curve_that_falls_to_nothing() -> None:
    assert verdict("C20", curve(easy(), 150, 120, 60, 10, 0))[0] == "pass"
    assert verdict("C20", curve(easy(), 150, 120, 60, 50, 50))[0] == "pass"  # chance


def test_a_curve_that_does_not_fall() -> None:
    found, said = verdict("C20", curve(easy(), 150, 120, 110, 100, 90))
    assert found == "fail" and said.startswith(
        "40 of 200 images too many; 100% clean, then 75% 60% 55% 50% 45% at Linf("
    )


def test_a_curve_that_rises() -> None:
    assert verdict("C20", curve(easy(), 150, 90, 120, 10, 0))[0] == "fail"


def test_a_budget_of_nothing_is_no_attack() -> None:
    subject = curve(easy(), 150, 120, 60, 10, 0)
    plant(subject, replace(subject.pgd(subject.ball(1e-9)), steps=1), first(1))
    assert verdict("C20", subject) == ("fail", "a budget of nothing changes verdicts: the attack leaves its ball")


@pytest.mark.parametrize(("by_square", "expected"), [(0, "pass"), (1, "warn"), (10, "fail")])
def test_square_within_autoattack(by_square: int, expected: str) -> None:
    subject = easy()
    plant_autoattack(subject, [1] * 30 + [4] * by_square, STANDARD)
    assert verdict("C22", subject) == (expected, f"{by_square} of 200 images fall to Square alone")


def test_square_after_autoattack() -> None:
    """An AutoAttack that found nothing leaves a linear network to Square."""
    subject = subject_of(linear(4, 36), budget=Linf(64 / 255))
    plant_autoattack(subject, [], QUICK)
    found, said = verdict("C22", subject)
    assert found == "fail" and said.endswith("images fall to 4 queries of Square alone")
    robust = subject_of(constant())
    plant_autoattack(robust, [], QUICK)
    assert verdict("C22", robust)[0] == "pass"
    plant_autoattack(robust, [1] * 200, QUICK)
    assert verdict("C22", robust)[0] == "pass"  # nothing is left


def test_what_stood_cross_entropy() -> None:
    subject = easy()
    plant_autoattack(subject, [0] * 20 + [1] * 30 + [2] * 5, QUICK)
    assert verdict("C24", subject) == ("pass", "5 of 200 images stood apgd-ce and fall to what follows")
    plant_autoattack(subject, [1] * 30 + [2] * 30 + [3] * 20, STANDARD)
    assert verdict("C24", subject)[0] == "fail"


def test_success_on_the_way() -> None:
    subject = easy()
    plant(subject, subject.pgd(), first(50), touched=~first(51))
    assert verdict("C25", subject) == ("pass", "1 of 200 images were broken on the way only")
    plant(subject, subject.pgd(), first(50), touched=~first(90))
    assert verdict("C25", subject)[0] == "fail"


def attacked() -> tuple[Subject, Images, torch.Tensor]:
    """A budget that breaks some, what PGD found, and which of it is wrong."""
    subject = subject_of(linear(4, 36), budget=Linf(48 / 255))
    found = subject.under(subject.pgd())
    assert 10 < (~found.correct).sum() < 190
    return subject, found.images, ~found.correct


def verified(subject: Subject, images: Images, claimed: torch.Tensor) -> tuple[str, str]:
    plant(subject, subject.pgd(), ~claimed, images=images)
    plant_autoattack(subject, [], QUICK)
    return verdict("C26", subject)


def test_examples_that_are_none() -> None:
    subject, images, broken = attacked()
    assert verified(subject, images, broken)[0] == "pass"
    found, said = verified(subject, images, broken | ~first(100))
    assert found == "fail" and said.endswith("examples are classified correctly after all")


@pytest.mark.parametrize("wrong", [1.5, torch.nan], ids=["out_of_range", "nan"])
def test_examples_that_leave_the_box(wrong: float) -> None:
    subject, images, broken = attacked()
    images[broken.nonzero()[0, 0], 0, 0, 0] = wrong
    found, said = verified(subject, images, broken)
    assert found == "fail" and said.startswith("1 of ") and said.endswith("leave the budget or [0, 1]")


def test_examples_that_leave_the_budget() -> None:
    _, images, broken = attacked()
    assert verified(easy(), images, broken)[0] == "fail"


def test_autoattacks_examples_are_looked_at_too() -> None:
    subject = easy()
    plant(subject, subject.pgd(), first(0))
    plant_autoattack(subject, [0] * 5 + [1] * 20, QUICK)  # the images themselves, all classified correctly
    assert verdict("C26", subject) == ("fail", "20 of 20 examples are classified correctly after all")
    plant_autoattack(subject, [0] * 5, QUICK)
    assert verdict("C26", subject) == ("pass", "no attack broke an image")


def test_restarts_are_other_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, drawn, starts = subject_of(linear(4, 36), budget=Linf(1e-6)), Uniform.__call__, list[Images]()

    def remember(self: Uniform, x: Images, budget: Budget, generator: torch.Generator | None = None) -> Images:
        starts.append(drawn(self, x, budget, generator) - x)
        return x + starts[-1]

    monkeypatch.setattr(Uniform, "__call__", remember)
    monkeypatch.setattr("robustill.attacks.search.PORTION", BATCH)
    assert verdict("C19", subject)[0] == "pass"
    firsts = {tuple(start[0].flatten().tolist()) for start in starts if len(start) == BATCH}
    assert len(firsts) == subject.effort.restarts


def test_square_is_not_asked_where_nothing_stands() -> None:
    class Viewing(nn.Module):
        """As many networks do, it cannot view an empty batch."""

        def __init__(self) -> None:
            super().__init__()
            self.network = linear(4, 36)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.network(x.view(x.size(0), -1)))

    subject = subject_of(Viewing())
    plant_autoattack(subject, [1] * 200, QUICK)
    assert verdict("C22", subject) == ("pass", "0 of 200 images fall to Square alone; none is left for it")
