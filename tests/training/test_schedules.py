"""Schedules: closed forms, edges, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustill.expression import parse
from robustill.training import Cosine, MultiStep, OneCycle, Schedule
from robustill.training.schedules import falls_too_late

ALL = (
    MultiStep(milestones=(1, 3)),
    MultiStep(milestones=()),
    Cosine(),
    Cosine(warmup=2.5),
    OneCycle(),
    OneCycle(rise=0.9),
)


@pytest.mark.parametrize(
    ("time", "factor"), [(0, 1), (99.999, 1), (100, 0.1), (149.5, 0.1), (150, 0.01), (199.9, 0.01), (200, 0.01)]
)
def test_multi_step_divides_by_ten_when_as_many_epochs_have_finished(time: float, factor: float) -> None:
    assert MultiStep(milestones=(100, 150))(time, 200) == pytest.approx(factor, rel=1e-12)


def test_multi_step_without_a_milestone_is_constant() -> None:
    assert [MultiStep(milestones=())(time, 10) for time in (0, 3.3, 10)] == [1, 1, 1]


def test_multi_step_takes_any_factor() -> None:
    assert MultiStep(milestones=(2, 4), factor=0.5)(5, 6) == 0.25


def test_cosine_is_half_a_cosine() -> None:
    for time in (0.0, 1.0, 2.5, 5.0, 9.99, 10.0):
        assert Cosine()(time, 10) == pytest.approx((1 + math.cos(math.pi * time / 10)) / 2, abs=1e-12)
    assert (Cosine()(0, 10), Cosine()(10, 10)) == (1, 0)


def test_cosine_warms_up_in_a_straight_line_and_goes_on_from_one() -> None:
    schedule = Cosine(warmup=4)
    assert [schedule(time, 20) for time in (0, 1, 2, 3)] == [0, 0.25, 0.5, 0.75]
    assert schedule(4, 20) == 1
    assert schedule(12, 20) == pytest.approx(0.5, abs=1e-12)  # the middle of what is left
    assert schedule(20, 20) == 0


def test_cosine_with_a_warmup_as_long_as_the_run_only_rises() -> None:
    assert [Cosine(warmup=10)(time, 10) for time in (0, 5, 9)] == [0, 0.5, 0.9]


def test_one_cycle_rises_and_falls_in_straight_lines() -> None:
    schedule = OneCycle(rise=0.25)
    shape = {0: 0, 1: 0.5, 2: 1, 5: 0.5, 8: 0}
    assert {time: pytest.approx(schedule(time, 8), abs=1e-12) for time in shape} == shape


def test_one_cycle_has_the_area_of_its_triangle() -> None:
    steps = 10_000
    mean = sum(OneCycle()((k + 0.5) / steps * 30, 30) for k in range(steps)) / steps
    assert mean == pytest.approx(0.5, abs=1e-6)


@given(st.sampled_from(ALL), st.integers(1, 500), st.floats(0, 1))
def test_a_factor_lies_between_zero_and_one_at_every_time(schedule: Schedule, epochs: int, share: float) -> None:
    assert 0 <= schedule(share * epochs, epochs) <= 1


@pytest.mark.parametrize(
    ("schedule", "epochs"),
    [(MultiStep(milestones=(100, 150)), 100), (MultiStep(milestones=(1,)), 1), (Cosine(warmup=10), 10)],
    ids=repr,
)
def test_a_schedule_for_a_longer_run_never_falls(schedule: Schedule, epochs: int) -> None:
    for length in (epochs, epochs + 1):
        rates = [schedule(epoch + share, length) for epoch in range(length) for share in (0, 0.5, 0.99)]
        assert falls_too_late(schedule, length) == (rates == sorted(rates)) == (length == epochs)


def test_a_constant_rate_is_not_too_late() -> None:
    assert not falls_too_late(MultiStep(milestones=()), 1) and not falls_too_late(OneCycle(), 1)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_text_and_back(schedule: Schedule) -> None:
    assert parse(repr(schedule), Schedule) == schedule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MultiStep(milestones=(0,))", "rising milestones of at least 1. Found: .0,.."),
        ("MultiStep(milestones=(5, 5))", "rising milestones"),
        ("MultiStep(milestones=(5, 3))", "rising milestones"),
        ("MultiStep(milestones=(5,), factor=1)", r"a factor in \(0, 1\). Found: 1."),
        ("MultiStep(milestones=(5,), factor=0)", r"a factor in \(0, 1\). Found: 0."),
        ("MultiStep()", "requires milestones"),
        ("Cosine(warmup=-1)", "a warmup of at least 0 epochs. Found: -1."),
        ("OneCycle(rise=0)", r"a rise in \(0, 1\). Found: 0."),
        ("OneCycle(rise=1)", r"a rise in \(0, 1\). Found: 1."),
    ],
)
def test_what_makes_no_schedule_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, Schedule)
