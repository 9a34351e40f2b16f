"""What questions IGDM: a random direction, a teacher without a difference, ramps, and the gradient matched directly."""

from __future__ import annotations

import copy
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustill.attacks import PGD, Linf
from robustill.evaluation.agreement import input_gradient
from robustill.expression import parse
from robustill.methods.kd import KD
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.objectives import IGDM, Constant, DirectGradient, Line, Method, Objective, Points, Step, igdm, trace
from robustill.objectives.divergences import cross_entropy
from tests.networks import Counting, conv_net, frozen_teacher, images, labels, linear

ATTACK = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
BATCH = 4
Y = labels(BATCH, 10)
ASIDE = IGDM(alpha=2, ramp=Constant(), direction="uniform")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth_net(seed: int, scale: float = 5.0) -> nn.Module:
    """In eval mode and float64."""
    return conv_net(seed=seed, scale=scale).double().eval()


def attacked(method: Method, seed: int = 0) -> tuple[Line, nn.Module, nn.Module]:
    student, teacher = smooth_net(0), frozen_teacher(smooth_net(1))
    x = images(BATCH, 3, 6, 6, dtype=torch.float64)
    return method.attacked(student, teacher, x, Y, attack=ATTACK, generator=generator(seed)), student, teacher


@pytest.mark.parametrize(
    "text",
    [
        "IGDM(alpha=2, direction='uniform')",
        "IGDM(alpha=2, target='zero')",
        "IGDM(alpha=2, ramp=Step(begin=0.25))",
        "DirectGradient(alpha=2, ramp=Constant())",
        "DirectGradient(alpha=2, distance='squared_l2')",
    ],
)
def test_the_text_of_a_term_builds_it(text: str) -> None:
    assert repr(parse(text, Objective)) == text


def test_a_random_direction_is_as_long_as_delta_and_nothing_like_it() -> None:
    line, _, _ = attacked(PGDAT() + ASIDE)
    delta, aside = line.delta.flatten(1), line.aside().delta.flatten(1)
    torch.testing.assert_close(aside.norm(dim=1), delta.norm(dim=1))
    assert F.cosine_similarity(delta, aside).abs().max() < 0.5
    assert (aside > 0).double().mean() - 0.5 < 0.1


def test_a_random_direction_takes_the_place_of_delta_and_shares_the_clean_logits() -> None:
    method = RSLAD() + IGDM(alpha=2, ramp=Constant(), direction="uniform", gamma=0)
    line, student, teacher = attacked(method)
    x, plus = line.x, line.x + line.aside().delta
    expected = RSLAD()(line.renewed()) + 2 * igdm(student(plus), student(x), teacher(plus), teacher(x))
    torch.testing.assert_close(method(line), expected)
    assert trace(method) == Points(student=(1, 0), teacher=(0,), aside=Points(student=(1,), teacher=(1,)))


def test_the_direction_is_drawn_from_the_steps_generator_after_the_attack() -> None:
    state = torch.get_rng_state()
    first, second, other = (attacked(PGDAT() + ASIDE, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first.aside().delta, second.aside().delta)
    assert not torch.equal(first.aside().delta, other.aside().delta)
    plain, _, _ = attacked(PGDAT())
    assert torch.equal(plain.delta, first.delta)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_direction_is_drawn_once_for_all_that_ask() -> None:
    line, student, teacher = attacked(PGDAT() + ASIDE)
    counted = Counting(teacher, BATCH)
    line._teacher = line.aside()._teacher = counted
    loss = (PGDAT() + ASIDE)(line)
    assert counted.calls == 0  # announced: both of its points were evaluated with the attack's end
    again = line.renewed()
    assert torch.equal(again.aside().delta, line.aside().delta)
    with torch.no_grad():
        for weight in student.parameters():
            weight.mul_(0.5)
    assert not torch.allclose((PGDAT() + ASIDE)(again), loss)
    assert torch.equal((PGDAT() + ASIDE)(line), loss) and counted.calls == 0


def test_without_the_teachers_difference_the_student_learns_to_have_none() -> None:
    method = PGDAT() + IGDM(alpha=3, ramp=Constant(), target="zero")
    line, student, _ = attacked(method)
    assert line.x_adv is not None
    difference = student(line.x_adv) - student(line.x - line.delta)
    uniform = torch.full_like(difference, 0.1)
    expected = (uniform * (uniform.log() - difference.log_softmax(1))).sum(1)
    torch.testing.assert_close(method(line) - PGDAT()(line), 3 * expected)
    assert trace(method).teacher == ()


def test_a_term_without_weight_evaluates_nothing() -> None:
    for term in (IGDM(alpha=0), IGDM(alpha=5, ramp=Step(begin=0.5)), DirectGradient(alpha=0)):
        student, x = Counting(conv_net().train(), BATCH), images(BATCH, 3, 6, 6)
        loss = (TRADES() + term).mean(student, Line(student, None, x, Y, x, progress=0.5))
        assert student.forwards == 2
        torch.testing.assert_close(loss, TRADES().mean(conv_net().train(), Line(conv_net().train(), None, x, Y, x)))


def direct(student: nn.Module, teacher: nn.Module, x: Tensor, squared: bool) -> Tensor:
    """The term, written out."""
    difference = []
    for network in (student, teacher):
        image = x.clone().requires_grad_()
        loss = F.cross_entropy(network(image), Y, reduction="sum")
        difference.append(torch.autograd.grad(loss, image, create_graph=True)[0])
    total = (difference[0] - difference[1].detach()).pow(2).sum(dim=(1, 2, 3))
    return total if squared else total.sqrt()


@pytest.mark.parametrize("distance", ["l2", "squared_l2"])
@pytest.mark.parametrize("base", [KD(), PGDAT(), RSLAD(), TRADES()], ids=repr)
@pytest.mark.parametrize("train", [True, False])
def test_direct_matching_is_double_backward(base: Method, distance: Literal["l2", "squared_l2"], train: bool) -> None:
    method = base + DirectGradient(alpha=4, distance=distance)
    student, teacher = smooth_net(0).train(train), frozen_teacher(smooth_net(1))
    x = images(BATCH, 3, 6, 6, dtype=torch.float64)
    line = method.attacked(student, teacher, x, Y, attack=ATTACK, progress=0.5, generator=generator())
    assert line.x_adv is not None or base == KD()
    loss = method(line).mean()
    expected = base(line.renewed()).mean() + 2 * direct(student, teacher, x, distance == "squared_l2").mean()
    torch.testing.assert_close(loss, expected)
    parameters = list(student.parameters())
    ours, theirs = (torch.autograd.grad(value, parameters) for value in (loss, expected))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)
    assert all(p.grad is None for p in (*student.parameters(), *teacher.parameters()))


def test_direct_matching_shares_the_forward_at_the_clean_image() -> None:
    """Whether it is announced, as in training, or asked for out of the blue after the logits were."""
    for announced in (True, False):
        student, teacher = Counting(smooth_net(0), BATCH), frozen_teacher(smooth_net(1))
        x = images(BATCH, 3, 6, 6, dtype=torch.float64)
        method = KD() + DirectGradient(alpha=1)
        line = Line(student, teacher, x, Y)
        if announced:
            line.announce(trace(method))
        loss = method(line).sum()
        assert student.forwards == (1 if announced else 2)
        expected = KD()(Line(student, teacher, x, Y)).sum() + direct(student, teacher, x, False).sum()
        torch.testing.assert_close(loss, expected)


def test_direct_matching_is_what_gd_measures() -> None:
    student, teacher = smooth_net(0), frozen_teacher(smooth_net(1))
    x = images(BATCH, 3, 6, 6, dtype=torch.float64)
    distance = (input_gradient(student, x, Y) - input_gradient(teacher, x, Y)).flatten(1).norm(dim=1)
    term = DirectGradient(alpha=1, ramp=Constant())
    torch.testing.assert_close(term(Line(student, teacher, x, Y)), distance)


@pytest.mark.parametrize(
    "text",
    [
        "KD() + DirectGradient(alpha=2)",
        "PGDAT() + IGDM(alpha=2, direction='uniform')",
        "PGDAT() + IGDM(alpha=2, target='zero')",
        "RSLAD(weight=EntropyWeight(order=0.5, clean=0.2, normalize='batch')) + IGDM(alpha=2, gamma=0)",
        "ARD(imitation=0.5, weight=EntropyWeight(order=2.0, clean=0.2), attack_mode='train')",
        "MART(offset=0.0001)",
        "AKD(teacher_image='clean')",
        "IAD(temperature=4.0, weighted_teacher=False)",
    ],
)
@pytest.mark.parametrize(("scale", "teacher_scale"), [(1e-4, 1e-4), (1e-4, 1e3), (1e3, 1e-4), (1e3, 1e3)])
@pytest.mark.parametrize("mixed", [False, True])
def test_loss_and_gradients_are_finite_at_any_scale(text: str, scale: float, teacher_scale: float, mixed: bool) -> None:
    student, teacher = conv_net(scale=scale).train(), frozen_teacher(conv_net(seed=1, scale=teacher_scale))
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        method = parse(text, Method)
        loss = method.loss(student, teacher, images(BATCH, 3, 6, 6), Y, attack=ATTACK, generator=generator())
    assert loss.isfinite() and loss.dtype == torch.float32
    loss.backward()
    for name, parameter in student.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("distance", ["l2", "squared_l2"])
def test_equal_gradients_leave_nothing_to_match_and_no_nan(distance: Literal["l2", "squared_l2"]) -> None:
    student = smooth_net(0)
    teacher = frozen_teacher(copy.deepcopy(student))
    x = images(BATCH, 3, 6, 6, dtype=torch.float64)
    loss = DirectGradient(alpha=1, distance=distance)(Line(student, teacher, x, Y))
    assert loss.abs().max() < 1e-12
    for gradient in torch.autograd.grad(loss.sum(), list(student.parameters()), allow_unused=True):
        assert gradient is None or gradient.abs().max() < 1e-6


def test_both_ways_of_matching_agree_on_a_linear_student() -> None:
    """A linear network's logits have its weights as gradient, which both ways see: the one along δ, the other whole."""
    student, teacher = linear(3, 12, dtype=torch.float64), linear(3, 12, seed=1, dtype=torch.float64)
    x, y = images(2, 3, 2, 2, dtype=torch.float64), labels(2, 3)
    line = Line(student, teacher, x, y)
    p = [network(x).softmax(1) - F.one_hot(y, 3) for network in (student, teacher)]
    expected = (p[0] @ student.weight - p[1] @ teacher.weight).norm(dim=1)
    torch.testing.assert_close(DirectGradient(alpha=1)(line), expected)
    torch.testing.assert_close(line.teacher_gradient(cross_entropy).flatten(1), p[1] @ teacher.weight)
