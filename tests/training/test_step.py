"""A step's gradient: what it found on the way is there, and keeps nothing alive."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from robustill.attacks import PGD, Linf
from robustill.objectives import IGDM, DirectGradient, Method
from robustill.training.step import descend
from tests.networks import conv_net, frozen_teacher, images, labels
from tests.training.attacking import METHODS

TERMS = [IGDM(alpha=10), IGDM(alpha=10, direction="uniform"), DirectGradient(alpha=1)]


@pytest.mark.parametrize("method", [*METHODS, *(METHODS[0] + term for term in TERMS)], ids=repr)
def test_what_a_step_found_is_constant_and_says_the_loss_again(method: Method) -> None:
    student, teacher, natural = conv_net(), frozen_teacher(conv_net(seed=1)), frozen_teacher(conv_net(seed=2))
    asked: list[int] = []
    student.register_forward_hook(lambda _, inputs, logits: asked.append(len(logits)))
    found = descend(
        student,
        teacher,
        images(6, 3, 8, 8),
        labels(6, 10),
        method=method,
        attack=PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255),
        natural_teacher=natural,
        generator=Generator().manual_seed(0),
    )
    (line,), passes = found.lines, len(asked)
    with torch.no_grad():
        torch.testing.assert_close(method(line).mean(), found.loss)
    assert len(asked) == passes
    for values in (line.student_logits, line.teacher_logits, line.natural_logits, line.student_gradients):
        assert not any(value.requires_grad for value in values.values())
    assert all(parameter.grad is not None for parameter in student.parameters())
