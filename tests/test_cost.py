"""What a training step costs: counted on networks with BatchNorm, compared with ``cost`` and with the known minima."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from robustill.attacks import PGD, Attack, Clean, Linf, Start
from robustill.attacks.base import Loss
from robustill.cost import CountingNetwork, Passes, cost, forward_macs
from robustill.expression import parse
from robustill.objectives import Method
from robustill.types import Images
from tests.networks import Counting, conv_net, frozen_teacher, images, labels, modes

BATCH = 4
TEN_STEPS = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)


def outer_step(text: str) -> tuple[tuple[float, float], float, float]:
    """Counted on convolutional networks: the student's forwards and backwards, the teacher's before and after."""
    student, teacher = Counting(conv_net().train(), BATCH), Counting(frozen_teacher(conv_net(seed=1)), BATCH)
    marks: list[tuple[float, float, float]] = []

    class Marked(Attack):
        """The attack, with the counters read when it ends."""

        def maximize(
            self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
        ) -> Images:
            x_adv = TEN_STEPS.maximize(loss, x, start=start, generator=generator)
            marks.append((student.forwards, student.backwards, teacher.forwards))
            return x_adv

    loss = parse(text, Method).loss(student, teacher, images(BATCH, 3, 6, 6), labels(BATCH, 10), attack=Marked())
    loss.backward()
    [(forwards, backwards, asked)] = marks
    return (student.forwards - forwards, student.backwards - backwards), asked, teacher.forwards - asked


@pytest.mark.parametrize(
    ("text", "student", "teacher_before", "teacher_after"),
    [
        ("PGDAT()", 1, 0, 0),
        ("TRADES()", 2, 0, 0),
        ("RSLAD()", 2, 1, 0),
        ("AdaAD()", 1, 10, 1),
        ("AdaAD(inner=StudentCE())", 1, 0, 1),
        ("PGDAT() + IGDM(alpha=10)", 2, 0, 2),
        ("TRADES() + IGDM(alpha=10)", 3, 0, 2),
        ("RSLAD() + IGDM(alpha=10)", 3, 1, 2),
        ("AdaAD() + IGDM(alpha=10)", 2, 10, 2),
        ("RSLAD() + IGDM(alpha=10, beta=0.5)", 4, 1, 2),
        ("RSLAD() + IGDM(alpha=10) + IGDM(alpha=1, gamma=0)", 3, 1, 2),
    ],
)
def test_terms_share_what_they_evaluate(text: str, student: int, teacher_before: int, teacher_after: int) -> None:
    """RSLAD + IGDM: 3 student and 3 teacher forwards, T(x) among them; AdaAD + IGDM: 2 and 2."""
    assert outer_step(text) == ((student, student), teacher_before, teacher_after)
    counted = cost(parse(text, Method), TEN_STEPS)
    assert counted.outer_student == Passes(forwards=student, backwards=student, to_weights=student)
    assert counted.inner_teacher.forwards == teacher_before
    assert counted.outer_teacher == Passes(forwards=teacher_after)


@pytest.mark.parametrize("ratio", [9.4, 11.9])
@pytest.mark.parametrize(
    ("text", "own", "of_teacher"),
    [
        ("PGDAT()", 23, 0),
        ("TRADES()", 27, 0),
        ("RSLAD()", 26, 1),
        ("AdaAD()", 20 + 3, 20 + 1),
        ("AdaAD(inner=StudentCE())", 20 + 3, 1),
        ("AdaAD() + IGDM(alpha=1)", 20 + 6, 20 + 2),
        ("RSLAD() + IGDM(alpha=1)", 20 + 9, 3),
        ("PGDAT() + IGDM(alpha=1)", 20 + 6, 2),
    ],
)
def test_units_are_the_known_minimum(text: str, own: int, of_teacher: int, ratio: float) -> None:
    """Ten steps. Every step: a student forward and its input backward; every outer forward: a full backward, 1 + 2."""
    assert cost(parse(text, Method), TEN_STEPS).units(ratio) == pytest.approx(own + of_teacher * ratio)


def test_passes_add_up_and_multiply() -> None:
    one = Passes(forwards=1, backwards=2, to_weights=3, double_backwards=4)
    assert one + one == one * 2 == Passes(forwards=2, backwards=4, to_weights=6, double_backwards=8)
    assert (one * 10).units == 10 * one.units == 10 * (1 + 2 + 3 + 3 * 4)


def test_a_gradient_of_the_image_alone_is_no_full_backward() -> None:
    """Whether the weights are frozen or only not asked for, as in other people's attacks."""
    network, image = CountingNetwork(0), images(2, 1, 2, 2).requires_grad_()
    torch.autograd.grad(network(image).sum(), image)
    assert network.take() == Passes(forwards=2, backwards=2)
    network(image.detach()).sum().backward()
    assert network.take() == Passes(forwards=2, backwards=2, to_weights=2)
    network.requires_grad_(False)
    network(image).sum().backward()
    assert network.take() == Passes(forwards=2, backwards=2)


@pytest.mark.parametrize("steps", [1, 7])
def test_the_attacks_passes_follow_its_steps(steps: int) -> None:
    attack = PGD(budget=Linf(8 / 255), steps=steps, step_size=2 / 255)
    each = Passes(forwards=steps, backwards=steps)
    trades, adaad = (cost(parse(text, Method), attack) for text in ("TRADES()", "AdaAD()"))
    assert trades.inner_student == Passes(forwards=steps + 1, backwards=steps)  # S(x) once, as the target
    assert (adaad.inner_student, adaad.inner_teacher) == (each, each)


def test_no_attack_costs_nothing() -> None:
    assert cost(parse("PGDAT()", Method), Clean()).units(9.4) == 3


@pytest.mark.parametrize(("text", "extra"), [("TRADES(bn_parity=(0, 1, 0))", 0), ("AdaAD(bn_parity=(1, 0))", 1)])
def test_parity_costs_the_forwards_that_nothing_else_needs(text: str, extra: int) -> None:
    plain = cost(parse(text.split("(")[0], Method), TEN_STEPS).units(1)
    assert cost(parse(text, Method), TEN_STEPS).units(1) == plain + extra


@pytest.mark.parametrize(
    ("text", "needs"), [("PGDAT()", False), ("TRADES()", False), ("RSLAD()", True), ("TRADES() + IGDM(alpha=1)", True)]
)
def test_whether_a_teacher_is_needed(text: str, needs: bool) -> None:
    assert cost(parse(text, Method), TEN_STEPS).needs_teacher == needs


def test_multiply_accumulates_of_a_forward() -> None:
    network = conv_net(channels=3, classes=10, width=4).train()
    before, state = modes(network), {name: value.clone() for name, value in network.state_dict().items()}
    first, second, head = 36 * 4 * 27, 9 * 8 * 36, 8 * 10  # 6x6 pixels, then 3x3
    assert forward_macs(network, images(5, 3, 6, 6)) == first + second + head
    assert modes(network) == before
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
