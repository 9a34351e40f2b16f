"""When a sheet counts as filled in, and what becomes of an evaluation that grows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robustill.reproduce.measuring import holds
from robustill.reproduce.subjects import Sheet
from robustill.results import Accuracy, Evaluation, Mean, Point


def accuracy(n: int) -> Accuracy:
    return Accuracy(adversary="PGD(budget=Linf(8/255))", n=n, correct=n // 2)


def mean(n: int) -> Mean:
    return Mean(n=n, mean=1.0, std=0.1)


WHOLE = Evaluation(
    model="last",
    parameters=1,
    data="demo",
    split="test",
    classes=("a", "b"),
    accuracies={"clean": accuracy(20), "pgd20": accuracy(20), "autoattack": accuracy(8)},
    agreement={"gd": mean(20), "gc": mean(20)},
    measures={"distance_clean": mean(20)},
    curves={"pgd20": tuple(Point(radius=r, accuracy=accuracy(20)) for r in (0.0, 8 / 255, 16 / 255))},
    teacher="demo",
    batch_size=256,
    seed=0,
    seconds=2.0,
    arrays={"gd": np.ones(20), "gallery_x": np.zeros(3)},
)


@pytest.mark.parametrize(
    ("sheet", "there"),
    [
        (Sheet("standard", 20, ("clean", "pgd20"), agreement=True), True),
        (Sheet("standard", 30, ("clean", "pgd20"), agreement=True), False),
        (Sheet("autoattack", 8, ("autoattack",)), True),
        (Sheet("autoattack", 20, ("autoattack",)), False),
        (Sheet("others", 20, ("pgd20@L1(12)",)), False),
        (Sheet("distance", 20, measures=("distance",)), True),
        (Sheet("remainder", 20, measures=("remainder",)), False),
        (Sheet("pgd-eps", 20, ("pgd20",), eps=(8 / 255, 16 / 255)), True),
        (Sheet("pgd-eps", 20, ("pgd20",), eps=(8 / 255, 12 / 255)), False),
    ],
    ids=["all", "more images", "a part", "a larger part", "attack", "measure", "other measure", "radii", "other radii"],
)
def test_a_sheet_is_filled_in_if_everything_was_measured_on_its_images(sheet: Sheet, there: bool) -> None:
    assert holds(WHOLE, sheet, "demo") == there


def test_another_ball_or_sample_is_another_sheet() -> None:
    sheet = Sheet("standard", 20, ("clean", "pgd20"))
    weak = Accuracy(adversary="PGD(budget=Linf(2/255))", n=20, correct=19)
    assert holds(WHOLE, sheet, "demo")
    assert not holds(replace(WHOLE, accuracies={**WHOLE.accuracies, "pgd20": weak}), sheet, "demo")
    assert not holds(replace(WHOLE, seed=7), sheet, "demo")


def test_without_a_teacher_there_is_no_agreement() -> None:
    assert not holds(replace(WHOLE, agreement={}), Sheet("standard", 20, ("clean",), agreement=True), "demo")


@pytest.mark.parametrize(
    ("teacher", "same"),
    [("run:b/ltd-1234", True), ("run:ltd-1234/", True), ("run:a/ltd-5678", False), ("demo", False), (None, False)],
)
def test_agreement_with_another_teacher_is_another_sheet(teacher: str | None, same: bool) -> None:
    evaluation = replace(WHOLE, teacher="run:a/ltd-1234")
    assert holds(evaluation, Sheet("standard", 20, ("clean",), agreement=True), teacher) == same
    assert holds(evaluation, Sheet("standard", 20, ("clean",)), teacher)


def test_an_evaluation_grows_and_keeps_its_gallery_and_its_teacher() -> None:
    later = replace(
        WHOLE,
        accuracies={"pgd20": accuracy(40)},
        agreement={},
        measures={"remainder_uniform": mean(20)},
        curves={},
        teacher=None,
        seconds=3.0,
        arrays={"correct_pgd20": np.ones(40), "gallery_x": np.ones(3)},
    )
    both = WHOLE.joined(later)
    assert {name: one.n for name, one in both.accuracies.items()} == {"clean": 20, "pgd20": 40, "autoattack": 8}
    assert set(both.measures) == {"distance_clean", "remainder_uniform"} and set(both.agreement) == {"gd", "gc"}
    assert both.curves == WHOLE.curves and both.teacher == "demo" and both.seconds == 5.0
    assert set(both.arrays) == {"gd", "correct_pgd20", "gallery_x"} and not both.arrays["gallery_x"].any()
    taught = replace(later, arrays={"gallery_x": np.ones(3), "gallery_teacher_gradient": np.ones(3)})
    assert set(WHOLE.joined(taught).arrays) == {"gd", *taught.arrays}
    assert WHOLE.joined(taught).arrays["gallery_x"].all()
