"""EMA: its closed form, and whose BatchNorm statistics it has."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robustill.expression import parse
from robustill.training import EMA, Average
from tests.networks import conv_net, images
from tests.small import assert_same, tensors


def trajectory(decay: float, weights: list[float]) -> list[float]:
    """The average after each step of a student whose only weight takes these values."""
    student = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    averaged = EMA(decay=decay).build(student)
    found = []
    for weight in weights:
        with torch.no_grad():
            student.weight.fill_(weight)
        averaged.update_parameters(student)
        found.append(next(averaged.module.parameters()).item())
    return found


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_the_average_is_the_recursion(decay: float) -> None:
    weights = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, -6.0, 5.0, 3.0, 5.0, 8.0]
    expected = [weights[0]]  # the first step is taken over whole
    for n, weight in enumerate(weights[1:], start=1):
        d = min(decay, (1 + n) / (10 + n))
        expected.append(d * expected[-1] + (1 - d) * weight)
    assert trajectory(decay, weights) == pytest.approx(expected, rel=1e-12)


def test_a_student_that_stands_still_is_its_own_average() -> None:
    assert trajectory(0.999, [2.5] * 20) == [2.5] * 20


def test_after_many_steps_the_weights_fade_with_the_decay() -> None:
    impulse = trajectory(0.5, [1.0] + [0.0] * 40)
    assert impulse[40] == pytest.approx(impulse[39] * 0.5, rel=1e-12)


def test_batch_norm_statistics_are_the_students_own() -> None:
    student = conv_net(seed=1)
    averaged = EMA().build(student)
    for seed in range(3):
        student(images(8, 3, 6, 6, seed=seed))
        with torch.no_grad():
            for parameter in student.parameters():
                parameter.add_(0.1)
        averaged.update_parameters(student)
    for (name, ours), theirs in zip(averaged.module.named_buffers(), student.buffers(), strict=True):
        assert torch.equal(ours, theirs), name
    assert not torch.equal(next(averaged.module.parameters()), next(student.parameters()))


def test_the_average_is_ready_for_evaluation_and_no_part_of_the_student() -> None:
    student = conv_net()
    before = tensors(student)
    averaged = EMA().build(student)
    assert not averaged.training and not averaged.module.training and student.training
    with torch.no_grad():
        for parameter in averaged.module.parameters():
            parameter.zero_()
    assert_same(tensors(student), before)


def test_text_and_back() -> None:
    assert parse(repr(EMA(decay=0.99)), Average) == EMA(decay=0.99)


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5, 1.5])
def test_a_decay_outside_zero_to_one_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=rf"EMA requires a decay in \(0, 1\). Found: {decay}."):
        EMA(decay=decay)
