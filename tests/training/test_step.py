"""A step's gradient: what it found on the way is there, keeps nothing alive, and is the same with less memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from robustill.attacks import PGD, Linf
from robustill.objectives import IGDM, DirectGradient, Method
from robustill.training import step
from robustill.training.step import descend
from tests.networks import conv_net, frozen_teacher, images, labels
from tests.training.attacking import METHODS

TERMS = [IGDM(alpha=10), IGDM(alpha=10, direction="uniform"), DirectGradient(alpha=1)]
COMBINED = [*METHODS, *(METHODS[0] + term for term in TERMS)]


@pytest.mark.parametrize("method", COMBINED, ids=repr)
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


def passes_of(method: Method, **options: Any) -> tuple[list[Tensor], list[tuple[bool, int]]]:
    """Loss, gradients and buffers after a step of seven images; and the student's passes: in train mode, how many."""
    student = nn.Sequential(nn.Dropout(0.1), conv_net()).double().train()
    teacher, natural = (frozen_teacher(conv_net(seed=seed).double()) for seed in (1, 2))
    passes: list[tuple[bool, int]] = []
    student.register_forward_pre_hook(lambda network, inputs: passes.append((network.training, len(inputs[0]))))
    torch.manual_seed(0)
    found = descend(
        student,
        teacher,
        images(7, 3, 8, 8, dtype=torch.float64),
        labels(7, 10),
        method=method,
        attack=PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255),
        natural_teacher=natural,
        generator=Generator().manual_seed(0),
        **options,
    )
    gradients = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
    return [found.loss, *gradients, *student.buffers()], passes


@pytest.mark.parametrize("method", [*COMBINED, replace(METHODS[0], attack_mode="train")], ids=repr)
@pytest.mark.parametrize("gradient_checkpointing", [False, True], ids=["", "checkpointed"])
def test_an_attack_in_portions_is_the_attack(
    method: Method, gradient_checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, whole = passes_of(method, gradient_checkpointing=gradient_checkpointing)
    monkeypatch.setitem(step.PORTION, "float32", 3)
    found, passes = passes_of(method, gradient_checkpointing=gradient_checkpointing)
    attacks = [count for training, count in passes if not training]
    if method.attack_mode == "train":  # in which images of a batch have BatchNorm's statistics in common
        assert passes == whole
    else:
        assert max(attacks) == 3 and sum(attacks) == sum(count for training, count in whole if not training)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", COMBINED, ids=repr)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_feature_maps_that_are_computed_again_are_the_same(method: Method, accumulate: int) -> None:
    expected, once = passes_of(method, accumulate=accumulate)
    found, again = passes_of(method, accumulate=accumulate, gradient_checkpointing=True)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert again.count((False, 7)) == once.count((False, 7))
    assert sum(training for training, _ in again) >= 2 * sum(training for training, _ in once)
