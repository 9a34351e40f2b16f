"""The passes of a step are the fewest that give its loss and gradients: the column "minimal" of the methods' sheet."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from robustill.attacks import PGD, Clean, Linf
from robustill.cost import Passes, cost
from robustill.expression import parse
from robustill.methods.kd import KD
from robustill.objectives import DirectGradient, Method
from robustill.published import LEARN
from robustill.training import AWP
from tests.networks import frozen_teacher, images, labels, seeded

ATTACK = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
R = 9.4
IGDM = " + IGDM(alpha=10)"


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Natural()", 3),
        ("KD()", R + 3),
        ("KD(imitation=0.5)", R + 3),
        ("KD(inner=StudentCE())" + IGDM, 20 + 3 * R + 9),
        ("PGDAT()", 20 + 3),
        ("PGDAT()" + IGDM, 20 + 2 * R + 6),
        ("TRADES()", 1 + 20 + 6),
        ("TRADES()" + IGDM, 1 + 20 + 2 * R + 9),
        ("MART()", 20 + 6),
        ("MART()" + IGDM, 20 + 2 * R + 9),
        ("ARD()", R + 20 + 3),
        ("ARD(imitation=0.5)", R + 20 + 6),
        ("ARD()" + IGDM, 20 + 3 * R + 6),
        ("AKD()", R + 20 + 3),
        ("AKD()" + IGDM, 2 * R + 20 + 6),
        ("IAD()", 2 * R + 20 + 6),
        ("IAD()" + IGDM, 3 * R + 20 + 9),
        ("IAD2()", 2 * R + 20 + 6),
        ("IAD2()" + IGDM, 3 * R + 20 + 9),
        ("RSLAD()", R + 20 + 6),
        ("RSLAD()" + IGDM, 20 + 3 * R + 9),
        ("AdaAD()", 20 + 20 * R + R + 3),
        ("AdaAD()" + IGDM, 20 + 20 * R + 2 * R + 6),
        ("AdaAD(inner=StudentCE())" + IGDM, 20 + 2 * R + 6),
        ("AdaIAD()", 20 + 20 * R + R + 6),
        ("AdaIAD()" + IGDM, 20 + 20 * R + 2 * R + 9),
        ("SAAD()", 2 * R + 20 + R + 3),
        ("SAAD()" + IGDM, 2 * R + 20 + 2 * R + 6),
        ("SAAD() + IGDM(alpha=10, gamma=0)", 2 * R + 20 + R + 6),
        ("SAAD(weight=EntropyWeight(clean=0.2))" + IGDM, 2 * R + 20 + 2 * R + 9),
        ("ARD(weight=EntropyWeight())", 2 * R + 20 + 3),
        ("RSLAD() + IGDM(alpha=10, target='zero')", R + 20 + 9),
        ("RSLAD() + IGDM(alpha=10, direction='uniform')", 3 * R + 20 + 12),
        ("RSLAD() + IGDM(alpha=0)", R + 20 + 6),
        ("RSLAD() + DirectGradient(alpha=10)", 2 * R + 20 + 9),
        ("AdaAD(inner=StudentCE()) + DirectGradient(alpha=10)", 3 * R + 20 + 9),
    ],
)
def test_a_step_takes_the_fewest_passes(text: str, units: float) -> None:
    assert cost(parse(text, Method), ATTACK).units(R) == pytest.approx(units)


@pytest.mark.parametrize(
    ("text", "units"),
    [("IAD()", R + 20 + 3), ("AdaIAD()", 20 + 20 * R + R + 3), ("IAD2()", 2 * R + 20 + 3), ("PGDAT()", 23)],
)
def test_a_step_before_the_beginning_takes_less(text: str, units: float) -> None:
    """The last epoch of the first 20 % or 30 %, the edge included."""
    method = parse(text, Method)
    assert cost(method, ATTACK, progress=getattr(method, "begin", 0.3)).units(R) == pytest.approx(units)


def test_a_term_that_waits_costs_nothing() -> None:
    waiting = parse("RSLAD() + IGDM(alpha=10, ramp=Step(begin=0.5))", Method)
    assert cost(waiting, ATTACK, progress=0.5) == cost(parse("RSLAD()", Method), ATTACK)
    assert cost(waiting, ATTACK, progress=0.51) == cost(parse("RSLAD() + IGDM(alpha=10)", Method), ATTACK)


@pytest.mark.parametrize(("text", "students"), [("PGDAT()", 1), ("RSLAD() + IGDM(alpha=10)", 3), ("KD()", 1)])
def test_a_perturbation_of_the_weights_costs_the_students_outer_passes_again_and_no_teachers(
    text: str, students: int
) -> None:
    plain, perturbed = (cost(parse(text, Method), ATTACK, perturbation=awp) for awp in (None, AWP()))
    assert (plain.outer_student, perturbed.outer_student) == (LEARN * students, LEARN * students * 2)
    assert (perturbed.outer_teacher, perturbed.inner_student) == (plain.outer_teacher, plain.inner_student)


def test_the_second_teacher_is_counted_by_itself() -> None:
    counted = cost(parse("IAD2()", Method), ATTACK)
    assert counted.natural_teacher == Passes(forwards=1) and counted.outer_teacher == Passes(forwards=1)
    assert counted.needs_natural_teacher and not cost(parse("IAD()", Method), ATTACK).needs_natural_teacher
    assert counted.units(R, 2.0) == pytest.approx(R + 2 + 20 + 6)


class Convolutions(TorchDispatchMode):
    """Counts convolutions, and each of a backward's two products, whichever pass makes them."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is torch.ops.aten.convolution.default:
            self.count += 1
        if func is torch.ops.aten.convolution_backward.default:
            self.count += sum(args[10][:2])  # of the input, of the weights
        return func(*args, **(kwargs or {}))


def test_a_double_backward_costs_what_a_deep_network_spends_on_it() -> None:
    """The toy network counts gradients; a real one does the work. All layers cost the same but the first."""
    depth = 20

    def network() -> nn.Module:
        layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Softplus()]
        for _ in range(depth - 1):
            layers += [nn.Conv2d(4, 4, 3, padding=1), nn.Softplus()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    student, teacher = seeded(network, 0), frozen_teacher(seeded(network, 1))
    method = KD() + DirectGradient(alpha=1)
    with Convolutions() as counter:
        method.loss(student, teacher, images(2, 3, 4, 4), labels(2, 4), attack=Clean()).backward()
    assert counter.count / depth == pytest.approx(cost(method, Clean()).units(1.0), abs=2 / depth)
