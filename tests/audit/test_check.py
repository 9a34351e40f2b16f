"""What a number is compared with, and what is found without being registered."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
from torch import nn

from robustill.audit import Check, Effort, Reading, Subject, audit, checks
from robustill.audit.check import CONTRACT
from robustill.data import Dataset
from robustill.results import wilson
from tests.audit.conftest import EFFORT

GROUPS = {"A": range(1, 11), "B": range(11, 16), "C": range(16, 27), "D": range(27, 30), "E": range(30, 35)}


class Fixed(Check):
    """Measures what it is told."""

    id: ClassVar[str] = "Z1"
    title: ClassVar[str] = "Fixed"
    meaning: ClassVar[str] = "Nothing."

    value: float = 0.0
    least: float = 0.0

    def measure(self, subject: Subject) -> Reading:
        return Reading(self.value, f"{self.value}", self.least)


def test_all_34_are_there_and_in_order() -> None:
    assert [check.id for check in checks()] == [f"{group}{n}" for group, numbers in GROUPS.items() for n in numbers]


def test_every_check_can_speak() -> None:
    for check in checks():
        assert check.title and check.meaning.endswith(".") and len(check.meaning) <= 120, check
        assert check.threshold.startswith("at most ") and (type(check).__doc__ or "").strip(), check
        assert set(check.presupposes) <= {other.id for other in checks()} - {check.id}, check


def test_what_is_presupposed_comes_first() -> None:
    order = [check.id for check in checks()]
    for check in checks():
        assert all(order.index(id) < order.index(check.id) for id in check.presupposes), check
    assert set(CONTRACT) <= set(order)


@pytest.mark.parametrize(
    ("value", "least", "verdict"),
    [
        (0.0, 0.0, "pass"),
        (0.1, 0.1, "pass"),
        (0.2, 0.2, "warn"),
        (0.6, 0.4, "warn"),
        (0.6, 0.6, "fail"),
        (math.nan, math.nan, "fail"),
        (math.inf, math.inf, "fail"),
    ],
)
def test_a_value_warns_and_a_certain_one_fails(value: float, least: float, verdict: str) -> None:
    assert Fixed(warn=0.1, fail=0.5).judge(Reading(value, "", least)) == verdict


def test_without_a_warning_of_its_own_a_check_warns_of_what_may_fail() -> None:
    check = Fixed(fail=0.5)
    assert [check.judge(Reading(value, "", least)) for value, least in ((0.5, 0.5), (0.6, 0.4), (0.6, 0.6))] == [
        "pass",
        "warn",
        "fail",
    ]


def test_thresholds_in_words() -> None:
    assert Fixed(fail=1e-4).threshold == "at most 0.0001"
    assert Fixed(warn=0.1, fail=0.5).threshold == "at most 0.1, fails above 0.5"
    assert Fixed(warn=0.1).threshold == "at most 0.1, never fails"
    assert {check.id: check.threshold for check in checks()}["C18"] == "at most 0.5%"
    assert {check.id: check.threshold for check in checks()}["A7"] == "at most 0 cuts"


def test_a_share_is_at_least_the_lower_end_of_its_interval() -> None:
    reading = Reading.share(3, 300, "images")
    assert reading == Reading(0.01, "3 of 300 images", wilson(3, 300)[0])
    assert Reading.share(0, 0, "images") == Reading(0.0, "0 of 0 images", 0.0)


@pytest.mark.parametrize(("count", "verdict"), [(0, "pass"), (1, "pass"), (2, "warn"), (3, "warn"), (4, "fail")])
def test_half_a_point_of_a_small_sample(count: int, verdict: str) -> None:
    """One image of 256 is 0.4 points; two may be chance, four are not."""
    check = {check.id: check for check in checks()}["C18"]
    assert check.judge(Reading.share(count, 256, "")) == verdict


def test_checks_of_ones_own(network: nn.Module, dataset: Dataset) -> None:
    result = audit(network, dataset.test, effort=EFFORT, which=[Fixed(value=1, least=1, fail=0.5)])
    assert [(found.id, found.verdict, found.measured) for found in result.findings] == [("Z1", "fail", "1")]
    assert result["Z1"].check == "tests.audit.test_check:Fixed(warn=inf, fail=0.5, value=1, least=1)"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"samples": 0}, "samples of at least 1. Found: 0"),
        ({"strong": -1}, "strong of at least 1. Found: -1"),
        ({"restarts": 1}, "restarts of at least 2. Found: 1"),
    ],
    ids=["samples", "strong", "restarts"],
)
def test_an_effort_of_nothing(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"Effort requires {said}"):
        Effort(**words)
