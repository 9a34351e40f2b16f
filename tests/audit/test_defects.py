"""Planted defects: each fails the checks that name it, and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from torch import nn

from robustill.audit import AuditResult, Check, Record, audit, checks
from robustill.data import Dataset
from robustill.results import Accuracy, Evaluation
from robustill.teachers import load_teacher
from tests.audit import defects
from tests.audit.conftest import EFFORT

ELSEWHERE = {"D28", "D29", "C17", "C22", "C24", "C26"}
"""The first two never look at the network; the others take AutoAttack, a second for each network."""
ATTACKED = {check.id for check in checks() if "A7" in check.presupposes} - ELSEWHERE - {"A9"}


def about_the_network() -> list[Check]:
    return [check for check in checks() if check.id not in ELSEWHERE]


def examined(model: nn.Module, dataset: Dataset, record: Record | None = None) -> AuditResult:
    return audit(model, dataset.test, effort=EFFORT, record=record, which=about_the_network())


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (defects.SoftmaxInside, {"A3"}),
        (defects.DropoutOn, {"A1", "A2"}),
        (defects.StuckDropout, {"A1", "A2"}),
        (defects.with_batch_statistics, {"A1", "A5"}),
        (defects.Noisy, {"A2"}),
        (defects.NotANumber, {"A4"}),
        (defects.Unfinite, {"A4"}),
        (defects.Cut, {"A7"}),
        (defects.Fitting, {"A8"}),
    ],
    ids=["softmax", "dropout", "stuck", "batch_statistics", "noise", "nan", "nan_on_black", "cut", "fitting"],
)
def test_a_broken_contract_is_named_and_nothing_is_attacked(
    defect: Callable[[nn.Module], nn.Module], expected: set[str], network: nn.Module, dataset: Dataset
) -> None:
    result = examined(defect(network), dataset)
    assert result.ids("fail") == expected and result.verdict == "fail"
    assert result.ids("skipped") >= ATTACKED
    assert all(result[id].measured.startswith("presupposes A") for id in ATTACKED)


def test_normalised_twice(network: nn.Module, dataset: Dataset) -> None:
    twice = defects.NormalisedAgain(network, *dataset.channel_statistics())
    assert examined(twice, dataset).ids("fail") == {"A6"}


def test_normalised_twice_is_not_what_was_reported(network: nn.Module, dataset: Dataset) -> None:
    reported = Evaluation(
        model="",
        parameters=0,
        data="demo",
        split="test",
        classes=dataset.classes,
        accuracies={"clean": Accuracy(adversary="Clean()", n=2000, correct=1400)},
        batch_size=256,
        seed=0,
        seconds=1.0,
        environment={"python": "3", "torch": "2", "robustill": "0", "machine": "one"},
    )
    record = Record(evaluation=reported)
    assert not {"A6", "A10"} & examined(network, dataset, record).ids("fail")
    twice = defects.NormalisedAgain(network, *dataset.channel_statistics())
    assert examined(twice, dataset, record).ids("fail") == {"A6", "A10"}


def test_trained_with_what_looks_like_a_defect(dataset: Dataset, network: nn.Module) -> None:
    """The statistics of training are what counts, not the numbers in the code."""
    twice = defects.NormalisedAgain(network, (0.0,), (1.0,))
    assert "A6" not in examined(twice, dataset).ids("fail")


@pytest.mark.parametrize(
    ("defect", "must", "may"),
    [
        (defects.Quantised, {"B11", "C20", "D27"}, {"C16", "C19", "C21"}),
        (defects.QuantisedPassingThrough, {"B13"}, {"C19", "C20", "C21", "D27"}),
        (defects.Scaled, {"B11", "B12"}, {"C16", "C20", "C21"}),
        (defects.CutInPart, {"B13"}, {"C16", "C18", "C19", "C20", "C21", "C25", "D27"}),
        (defects.Counting, {"A9"}, set[str]()),
        (defects.NoisyWithASeed, {"A9"}, {"C18"}),
    ],
    ids=["quantised", "straight_through", "scaled", "cut_in_part", "counting", "seeded_noise"],
)
def test_what_no_contract_forbids_is_found_by_attacking(
    defect: Callable[[nn.Module], nn.Module], must: set[str], may: set[str], network: nn.Module, dataset: Dataset
) -> None:
    failed = examined(defect(network), dataset).ids("fail")
    assert must <= failed <= must | may


def test_scaled_logits_mask_cross_entropy_and_not_dlr(network: nn.Module, dataset: Dataset) -> None:
    chosen = [check for check in checks() if check.id in ("B11", "B12")]
    result = audit(defects.Scaled(network), dataset.test, effort=EFFORT, which=chosen)
    assert "0 of DLR" in result["B11"].measured and not result["B11"].measured.startswith("0 of")
    honest = audit(network, dataset.test, effort=EFFORT, which=chosen)
    assert honest.ids("pass") == {"B11", "B12"}


def test_an_honest_network_fails_nothing(network: nn.Module, dataset: Dataset) -> None:
    result = audit(network, dataset.test, effort=EFFORT, record=Record(train=dataset.train))
    assert result.ids("fail") == set()
    assert result.ids("skipped") == {"C23", "E30", "E31", "E34"}


def test_the_shipped_teacher_fails_nothing(dataset: Dataset, network: nn.Module) -> None:
    effort = replace(EFFORT, samples=100, strong=10)
    result = audit(load_teacher("demo"), dataset.test, effort=effort, teacher=network, which=about_the_network())
    assert result.ids("fail") == set() and {"C23", "E30"} <= result.ids("pass") | result.ids("warn")
