"""The passes of published code, counted in the steps that are re-typed from it; and ours beside them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from robustill.attacks import PGD, Linf
from robustill.cost import CountingNetwork, Passes, cost
from robustill.expression import parse
from robustill.objectives import Method
from robustill.published import BEFORE_BEGIN, PUBLISHED, published
from tests.reference import adaad, adaiad, ard, iad, mart, pgd_at, rslad, saad, trades
from tests.reference.common import batchmean

X, Y, NOISE = torch.full((1, 1, 2, 2), 0.5), torch.zeros(1, dtype=torch.int64), torch.full((1, 1, 2, 2), 0.001)
LAST, FIRST = 1.0, 0.1
IGDM = " + IGDM(alpha=1)"

Step = Callable[[CountingNetwork, CountingNetwork, CountingNetwork, dict[str, float]], Tensor]


def of_student(step: Callable[..., Tensor]) -> Step:
    return lambda student, _t, _n, settings: step(student, X, Y, noise=NOISE, **settings)


def of_both(step: Callable[..., Tensor]) -> Step:
    return lambda student, teacher, _, settings: step(student, teacher, X, Y, noise=NOISE, **settings)


def without_labels(step: Callable[..., Tensor], **values: object) -> Step:
    return lambda student, teacher, _, settings: step(student, teacher, X, noise=NOISE, **values, **settings)


def with_igdm(step: Callable[..., Tensor]) -> Step:
    return without_labels(step, alpha=1.0, beta=1.0, gamma=1.0, share=1.0)


def iad2(epoch: int) -> Step:
    return lambda student, teacher, natural, settings: iad.second(
        student, teacher, natural, X, Y, noise=NOISE, epoch=epoch, begin=40, **settings
    )


STEPS: dict[tuple[str, float], Step] = {
    ("PGDAT()", LAST): of_student(partial(pgd_at.step, in_train_mode=True)),
    ("TRADES()", LAST): of_student(partial(trades.step, beta=6.0)),
    ("MART()", LAST): of_both(partial(mart.step, beta=5.0, offset=0.0001)),
    ("ARD()", LAST): of_both(partial(ard.step, alpha=1.0)),
    ("ARD()" + IGDM, LAST): of_both(partial(ard.step_of_igdm, weight=1.0)),
    ("IAD()", FIRST): of_both(partial(iad.first, epoch=0, begin=60)),
    ("IAD()", LAST): of_both(partial(iad.first, epoch=199, begin=60)),
    ("IAD2()", FIRST): iad2(epoch=0),
    ("IAD2()", LAST): iad2(epoch=199),
    ("RSLAD()", LAST): without_labels(rslad.step),
    ("RSLAD()" + IGDM, LAST): with_igdm(rslad.step_with_igdm),
    ("AdaAD()", LAST): without_labels(adaad.step, reduction=batchmean),
    ("AdaAD()" + IGDM, LAST): with_igdm(adaad.step_with_igdm),
    ("AdaIAD()", FIRST): of_both(partial(adaiad.step, epoch=0, begin=60)),
    ("AdaIAD()", LAST): of_both(partial(adaiad.step, epoch=199, begin=60)),
    ("SAAD()" + IGDM, LAST): of_both(partial(saad.step, weight=1.0, beta=0.0)),
}
every_step = pytest.mark.parametrize(
    ("text", "progress"), list(STEPS), ids=[f"{text} at {progress}" for text, progress in STEPS]
)


def counted(text: str, progress: float, steps: int) -> list[Passes]:
    """What the re-typed step does to the student and to both teachers, none of them frozen."""
    student, teacher, natural = (CountingNetwork(seed) for seed in range(3))
    settings = {"epsilon": 8 / 255, "step_size": 2 / 255, "steps": steps}
    STEPS[text, progress](student, teacher, natural, settings).backward()
    if text == "PGDAT()":
        pgd_at.log(student, X)
    return [network.take() for network in (student, teacher, natural)]


@every_step
@pytest.mark.parametrize("steps", [1, 4])
def test_the_re_typed_step_makes_as_many_passes(text: str, progress: float, steps: int) -> None:
    theirs = published(parse(text, Method), progress)
    assert theirs is not None
    sum_of = theirs.cost(steps)
    assert counted(text, progress, steps) == [
        sum_of.inner_student + sum_of.outer_student,
        sum_of.inner_teacher + sum_of.outer_teacher,
        sum_of.natural_teacher,
    ]


@every_step
def test_ours_makes_no_more_passes_in_any_phase(text: str, progress: float) -> None:
    method, attack = parse(text, Method), PGD(budget=Linf(8 / 255), steps=3, step_size=2 / 255)
    ours, theirs = cost(method, attack, progress=progress), published(method, progress)
    assert theirs is not None
    for phase, passes in vars(theirs.cost(3)).items():
        assert all(getattr(passes, name) >= value for name, value in vars(getattr(ours, phase)).items()), phase
    assert bool(theirs.surplus) == (theirs.cost(3) != ours)


def test_every_entry_is_counted() -> None:
    methods = {(parse(text, Method), progress) for text, progress in STEPS}
    entries = [published(method, progress) for method, progress in methods]
    assert len(entries) == len(PUBLISHED) + len(BEFORE_BEGIN)
    assert all(entry in entries for entry in [*PUBLISHED.values(), *BEFORE_BEGIN.values()])


R = 9.35


@pytest.mark.parametrize(
    ("text", "theirs", "ours"),
    [
        ("PGDAT()", 30 + 1 + 3 + 1, 23),
        ("MART()", 26, 26),
        ("TRADES()", 39, 27),
        ("ARD()", R + 26, R + 23),
        ("IAD()", 2 * R + 30, 2 * R + 26),
        ("RSLAD()", R + 26, R + 26),
        ("AdaAD()", 22 * R + 26, 21 * R + 23),
        ("AdaIAD()", 24 * R + 30, 21 * R + 26),
        ("AdaAD()" + IGDM, 256.4, 231.7),
        ("ARD()" + IGDM, 57.05, 54.05),
        ("RSLAD()" + IGDM, 69.4, 57.05),
        ("SAAD()" + IGDM, 5 * R + 29, 4 * R + 26),
    ],
)
def test_units_of_theirs_and_of_ours(text: str, theirs: float, ours: float) -> None:
    method, attack = parse(text, Method), PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
    found = published(method)
    assert found is not None and found.cost(10).units(R) == pytest.approx(theirs)
    assert cost(method, attack).units(R) == pytest.approx(ours)


@pytest.mark.parametrize(
    ("text", "theirs", "ours"),
    [
        ("IAD()", 2 * R + 27, R + 23),
        ("AdaIAD()", 24 * R + 27, 21 * R + 23),
        ("IAD2()", 3 * R + 23, 2 * R + 23),
    ],
)
def test_units_before_the_beginning(text: str, theirs: float, ours: float) -> None:
    method, attack = parse(text, Method), PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
    found = published(method, FIRST)
    assert found is not None and found.cost(10).units(R) == pytest.approx(theirs)
    assert cost(method, attack, progress=FIRST).units(R) == pytest.approx(ours)


@pytest.mark.parametrize(
    "text",
    [
        "PGDAT()" + IGDM,
        "TRADES()" + IGDM,
        "IAD()" + IGDM,
        "AdaIAD()" + IGDM,
        "KD()",
        "SAAD()",
        "AdaAD(inner=StudentCE())" + IGDM,
        "RSLAD(weight=EntropyWeight())",
        "RSLAD() + DirectGradient(alpha=1)",
        "RSLAD() + IGDM(alpha=1, target='zero')",
        "RSLAD() + IGDM(alpha=1, direction='uniform')",
        "RSLAD() + IGDM(alpha=1) + IGDM(alpha=1)",
    ],
)
def test_what_nobody_published(text: str) -> None:
    assert published(parse(text, Method)) is None


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("RSLAD(scale=1.0, bn_parity=(1, 1, 0, -1)) + IGDM(alpha=10, beta=0.5)", "RSLAD + IGDM"),
        ("ARD(temperature=1.0, attack_mode='train')", "ARD"),
        ("SAAD(weight=EntropyWeight(clean=0.2))" + IGDM, "SAAD + IGDM"),
    ],
)
def test_fields_that_change_no_pass_of_the_published_code(text: str, same: str) -> None:
    assert published(parse(text, Method)) is PUBLISHED[same]
