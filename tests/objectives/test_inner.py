"""Inner losses: which networks they ask, and through which of them their gradient flows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from robustill.objectives import InnerLoss, Line, StudentCE, StudentKL, TeacherAdversarialKL, TeacherCleanKL, kl
from tests.networks import Counting, conv_net, frozen_teacher, images, labels

X, X_ADV, Y = images(3, 3, 6, 6), images(3, 3, 6, 6, seed=1), labels(3, 10)


def line() -> tuple[Line, Counting, Counting]:
    student, teacher = Counting(conv_net().eval(), 3), Counting(frozen_teacher(conv_net(seed=1)), 3)
    return Line(student, teacher, X, Y), student, teacher


@pytest.mark.parametrize(
    ("inner", "student_passes", "teacher_passes"),
    [(StudentCE(), 4, 0), (StudentKL(), 5, 0), (TeacherCleanKL(), 4, 1), (TeacherAdversarialKL(), 4, 4)],
    ids=repr,
)
def test_a_constant_target_is_evaluated_once_for_all_steps(
    inner: InnerLoss, student_passes: int, teacher_passes: int
) -> None:
    on, student, teacher = line()
    for _ in range(4):
        inner(on, X_ADV)
    assert (student.calls, teacher.calls) == (student_passes, teacher_passes)


def test_values_are_those_of_their_formulas() -> None:
    on, student, teacher = line()
    s, t = student.network, teacher.network
    torch.testing.assert_close(StudentCE()(on, X_ADV), -s(X_ADV).log_softmax(1)[range(3), Y])
    torch.testing.assert_close(StudentKL()(on, X_ADV), kl(s(X), s(X_ADV)))
    torch.testing.assert_close(TeacherCleanKL()(on, X_ADV), kl(t(X), s(X_ADV)))
    torch.testing.assert_close(TeacherAdversarialKL()(on, X_ADV), kl(t(X_ADV), s(X_ADV)))


def gradient(inner: InnerLoss) -> Tensor:
    on, _, _ = line()
    image = X_ADV.clone().requires_grad_()
    return torch.autograd.grad(inner(on, image).sum(), image)[0]


def test_adaads_gradient_flows_through_the_teacher_too() -> None:
    _, student, teacher = line()
    image = X_ADV.clone().requires_grad_()
    detached = kl(teacher.network(image).detach(), student.network(image))
    (without_target,) = torch.autograd.grad(detached.sum(), image)
    (both,) = torch.autograd.grad(kl(teacher.network(image), student.network(image)).sum(), image)
    torch.testing.assert_close(gradient(TeacherAdversarialKL()), both)
    assert not torch.allclose(both, without_target, rtol=0.01)


def test_the_students_clean_prediction_is_flat_at_the_image() -> None:
    on, _, _ = line()
    image = X.clone().requires_grad_()
    (flat,) = torch.autograd.grad(StudentKL()(on, image).sum(), image)
    assert flat.abs().max() < 1e-6 < gradient(StudentKL()).abs().max()
