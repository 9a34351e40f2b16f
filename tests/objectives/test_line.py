"""The line through a batch: every point once, the right gradients, nothing clipped, what survives the attack."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robustill.objectives import IGDM, Line, Objective, Points, trace
from robustill.types import PerSample
from tests.networks import Counting, conv_net, frozen_teacher, images, labels, linear, logits


def networks() -> tuple[Counting, Counting]:
    student = Counting(linear(4, 12), 2)
    return student, Counting(frozen_teacher(linear(4, 12, seed=1)), 2)


def line(student: nn.Module | None = None, teacher: nn.Module | None = None) -> Line:
    x = images(2, 3, 2, 2)
    return Line(student or linear(4, 12), teacher, x, labels(2, 4), (x + 0.4 * images(2, 3, 2, 2, seed=1)).clamp(0, 1))


def test_every_point_is_evaluated_once_and_nothing_before_it_is_asked_for() -> None:
    student, teacher = networks()
    on = line(student, teacher)
    assert student.calls == teacher.calls == 0
    for _ in range(3):
        for c in (1, -1.0, 0, 1.0, -0.0):
            on.student(c)
            on.teacher(c)
    assert student.calls == teacher.calls == 3
    assert list(on.student_logits) == [1, -1, 0]


def test_points() -> None:
    on = line()
    assert on.point(0) is on.x
    assert on.point(1) is on.x_adv  # and not x + (x_adv - x), which differs in the last bit
    torch.testing.assert_close(on.point(-0.5), on.x - 0.5 * on.delta)
    assert on.x_adv is not None and torch.equal(on.delta, on.x_adv - on.x)


def test_points_beyond_the_pixels_are_not_clipped() -> None:
    x, x_adv = torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.5, 0.0]]]])
    on = Line(linear(2, 2), None, x, labels(1, 2), x_adv)
    assert on.point(-1).min() == -0.5
    assert on.point(3).max() == 1.5


def test_student_logits_keep_their_graph_and_teacher_logits_have_none() -> None:
    teacher = linear(4, 12, seed=1)  # even where its parameters would take a gradient
    on = line(linear(4, 12), teacher)
    assert on.student(1).requires_grad
    assert not on.teacher(1).requires_grad


def test_teacher_at_is_differentiable_in_the_image() -> None:
    on = line(teacher=frozen_teacher(linear(4, 12, seed=1)))
    image = on.x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(on.teacher_at(image)[:, 0].sum(), image)
    assert gradient.abs().max() > 0
    assert on.teacher_logits == {}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_become_float32(dtype: torch.dtype) -> None:
    on = line(linear(4, 12).to(dtype), frozen_teacher(linear(4, 12).to(dtype)))
    on.x = on.x.to(dtype)
    assert on.student(0).dtype == on.teacher(0).dtype == torch.float32


def test_float64_stays_float64() -> None:
    on = line(linear(4, 12).double(), frozen_teacher(linear(4, 12).double()))
    on.x = on.x.double()
    assert on.student(0).dtype == on.teacher(0).dtype == torch.float64


def test_a_fused_teacher_gives_the_same_logits_in_one_call() -> None:
    teacher = Counting(frozen_teacher(conv_net()), 2)
    fused, separate = line(teacher=teacher), line(teacher=teacher.network)
    fused.fuse_teacher((1, 0, -1))
    assert (teacher.calls, teacher.images) == (1, 6)
    for c in (1, 0, -1):
        torch.testing.assert_close(fused.teacher(c), separate.teacher(c), rtol=1e-5, atol=1e-6)
        assert not fused.teacher(c).requires_grad
    assert teacher.calls == 1


def test_fusing_asks_only_for_what_is_missing() -> None:
    _, teacher = networks()
    on = line(teacher=teacher)
    kept = on.teacher(0)
    on.fuse_teacher((0, 1, -1))
    assert (teacher.calls, teacher.images) == (2, 6)
    assert on.teacher(0) is kept
    on.fuse_teacher((0, 1))
    on.fuse_teacher(())
    assert teacher.calls == 2


def test_after_the_attack_the_teachers_clean_logits_carry_over_and_the_students_do_not() -> None:
    student, teacher = networks()
    before = Line(student, teacher, images(2, 3, 2, 2), labels(2, 4), progress=0.3)
    before.student(0)
    clean = before.teacher(0)
    after = before.perturbed(images(2, 3, 2, 2, seed=5))
    assert after.teacher(0) is clean and teacher.calls == 1
    assert after.student_logits == {} and after.progress == 0.3
    after.teacher(1)
    assert list(after.perturbed(before.x).teacher_logits) == [0]  # another perturbation, other points


def test_there_is_no_perturbation_before_the_attack() -> None:
    on = Line(linear(4, 12), None, images(2, 3, 2, 2), labels(2, 4))
    assert on.student(0).shape == (2, 4)
    with pytest.raises(ValueError, match="no perturbation yet: inner losses may ask for c = 0"):
        on.student(1)
    with pytest.raises(ValueError, match="no perturbation yet"):
        on.delta.sum()


def test_a_line_without_a_teacher_says_so() -> None:
    with pytest.raises(ValueError, match=r"asks for a teacher. Found: teacher=None. Give the teacher network"):
        line().teacher(0)


def test_a_line_of_given_logits_needs_no_networks() -> None:
    student, teacher = {1.0: logits(2, 4), -1.0: logits(2, 4, seed=1)}, {1.0: logits(2, 4, seed=2)}
    on = Line.from_logits(labels(2, 4), student=student, teacher=teacher, progress=0.5)
    assert on.student(1.0) is student[1] and on.teacher(1) is teacher[1]
    assert on.progress == 0.5
    for ask in (on.student, on.teacher):
        with pytest.raises(ValueError, match="made from logits and lacks a point that the objective asks for"):
            ask(0)
    assert Line.from_logits(labels(2, 4), student=student).teacher_logits == {}


class Reversed(Objective):
    """Asks for points in an unusual order."""

    def __call__(self, line: Line) -> PerSample:
        return (line.student(2) - line.teacher(-3) + line.student(0)).sum(1)


def test_the_points_of_an_objective_are_found_in_the_order_of_its_requests() -> None:
    assert trace(Reversed()) == Points(student=(2, 0), teacher=(-3,))
    assert trace(IGDM(alpha=1, beta=0.5, gamma=0)) == Points(student=(0.5, 0), teacher=(0.5, 0))
