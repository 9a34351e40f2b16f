"""What every method keeps to, alone and with IGDM. Methods are found: a new file in ``methods/`` is tested here."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import robustill.methods
from robustill.attacks import PGD, Linf
from robustill.component import find
from robustill.cost import Passes, cost
from robustill.expression import parse
from robustill.objectives import IGDM, InnerLoss, Line, Method, StudentCE, trace
from tests.networks import Counting, TinyConvNet, conv_net, frozen_teacher, images, labels, modes

ATTACK = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
BATCH, CLASSES = 5, 10
X, Y = images(BATCH, 3, 6, 6), labels(BATCH, CLASSES)

FOUND = find("robustill.methods", Method)
TERM = IGDM(alpha=2)


def with_igdm(method: Method) -> Method:
    """A method that attacks nothing takes an inner loss along: IGDM needs a perturbation."""
    return (method if method.inner is not None else replace(method, inner=StudentCE())) + TERM


METHODS = [form for cls in FOUND.values() for form in (cls(), with_igdm(cls()))]
every_method = pytest.mark.parametrize("method", METHODS, ids=repr)


def teachers(scale: float = 5.0, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, nn.Module]:
    """The robust teacher, and a naturally trained one for the methods that have two."""
    robust, natural = (frozen_teacher(conv_net(seed=seed, scale=scale).to(dtype)) for seed in (1, 2))
    return robust, natural


def loss_of(method: Method, student: nn.Module, scale: float = 5.0, seed: int = 0) -> Tensor:
    teacher, natural = teachers(scale)
    return method.loss(
        student,
        teacher,
        X,
        Y,
        attack=ATTACK,
        natural_teacher=natural,
        generator=torch.Generator().manual_seed(seed),
    )


def line(student: nn.Module, teacher: nn.Module, natural: nn.Module, order: Tensor | None = None) -> Line:
    """A line in float64 through images in a given order."""
    order = torch.arange(BATCH) if order is None else order
    x, x_adv = (images(BATCH, 3, 6, 6, seed=seed, dtype=torch.float64)[order] for seed in (0, 7))
    return Line(student, teacher, x, Y[order], x + 0.1 * (x_adv - x), natural_teacher=natural)


def test_every_module_of_the_package_is_found_and_can_be_imported_from_it() -> None:
    assert {"PGDAT", "TRADES", "RSLAD", "AdaAD"} <= set(FOUND)
    assert sorted(robustill.methods.__all__) == list(FOUND)
    assert all(getattr(robustill.methods, name) is cls for name, cls in FOUND.items())


@every_method
def test_the_text_of_a_method_builds_it(method: Method) -> None:
    assert parse(repr(method), Method) == method


@every_method
def test_one_loss_for_each_image(method: Method) -> None:
    student = conv_net().double().eval()
    loss = method(line(student, *teachers(dtype=torch.float64)))
    assert loss.shape == (BATCH,) and loss.dtype == torch.float64
    assert loss.isfinite().all()


@every_method
def test_the_order_of_the_batch_does_not_matter(method: Method) -> None:
    networks = conv_net().double().eval(), *teachers(dtype=torch.float64)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(method(line(*networks, order=order)), method(line(*networks))[order])


HALF = torch.bfloat16
SCALES = [(1e-4, 1e-4), (1e-4, 1e3), (1.0, 1.0), (1e3, 1e-4), (1e3, 1e3)]
SCALES_AND_PRECISIONS = [(*scales, torch.float32) for scales in SCALES] + [(1.0, 1e3, HALF), (1e3, 1e3, HALF)]


@every_method
@pytest.mark.parametrize(("scale", "teacher_scale", "precision"), SCALES_AND_PRECISIONS)
def test_loss_and_gradients_are_finite_at_any_scale_of_the_logits(
    method: Method, scale: float, teacher_scale: float, precision: torch.dtype
) -> None:
    """At 1e3 both softmaxes are saturated, which in bfloat16 comes much sooner."""
    student = conv_net(scale=scale).train()
    with torch.autocast("cpu", HALF, enabled=precision == HALF):
        loss = loss_of(method, student, teacher_scale)
    assert loss.dtype == torch.float32 and loss.isfinite()
    loss.backward()
    for parameter in student.parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all()


@every_method
def test_the_gradient_reaches_every_parameter_of_the_student_and_none_of_a_teacher(method: Method) -> None:
    student = conv_net().train()
    trainable = [conv_net(seed=seed, scale=5).eval() for seed in (1, 2)]  # even where nobody froze them
    loss = method.loss(student, trainable[0], X, Y, attack=ATTACK, natural_teacher=trainable[1])
    assert loss.shape == ()
    assert all(p.grad is None for network in (student, *trainable) for p in network.parameters())
    loss.backward()
    for name, parameter in student.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
    assert all(p.grad is None for network in trainable for p in network.parameters())


@every_method
def test_modes_and_flags_are_left_as_they_were(method: Method) -> None:
    student, (teacher, natural) = conv_net().train(), teachers()
    student.body[1].eval()
    student.body[3].requires_grad_(False)
    before = [modes(network) for network in (student, teacher, natural)]
    flags = [p.requires_grad for p in student.parameters()]
    method.loss(student, teacher, X, Y, attack=ATTACK, natural_teacher=natural).backward()
    assert [modes(network) for network in (student, teacher, natural)] == before
    assert [p.requires_grad for p in student.parameters()] == flags


@every_method
def test_the_same_noise_gives_the_same_loss_and_leaves_the_global_generator_alone(method: Method) -> None:
    state = torch.get_rng_state()
    assert torch.equal(loss_of(method, conv_net(), seed=3), loss_of(method, conv_net(), seed=3))
    assert torch.equal(torch.get_rng_state(), state)


@every_method
def test_passes_are_as_many_as_cost_says(method: Method) -> None:
    """On networks with convolutions and BatchNorm, where ``cost`` counts on a linear one."""
    student, teacher, natural = (Counting(network, BATCH) for network in (conv_net().train(), *teachers()))
    method.loss(student, teacher, X, Y, attack=ATTACK, natural_teacher=natural).backward()
    counted = cost(method, ATTACK)
    assert total(student) == plus(counted.inner_student, counted.outer_student)
    assert total(teacher) == plus(counted.inner_teacher, counted.outer_teacher)
    assert total(natural) == plus(counted.natural_teacher, Passes())


def total(network: Counting) -> tuple[float, float]:
    return network.forwards, network.backwards


def plus(inner: Passes, outer: Passes) -> tuple[float, float]:
    return inner.forwards + outer.forwards, inner.backwards + outer.backwards


@pytest.mark.parametrize("method", [cls() for cls in FOUND.values()], ids=repr)
@pytest.mark.parametrize("inner", [cls() for cls in find("robustill.objectives", InnerLoss).values()], ids=repr)
def test_every_inner_loss_goes_with_every_method(method: Method, inner: InnerLoss) -> None:
    assert loss_of(replace(method, inner=inner), conv_net().train()).isfinite()


def is_pure_distillation(method: Method) -> bool:
    """Asks its teacher and never its labels: whatever it wants of the student, the teacher has it."""
    networks = conv_net().double().eval(), *teachers(dtype=torch.float64)
    on, relabelled = line(*networks), line(*networks)
    relabelled.y = (relabelled.y + 1) % CLASSES
    return bool(trace(method).teacher) and torch.equal(method(on), method(relabelled))


PURE = [method for method in METHODS if is_pure_distillation(method)]


def test_distillation_methods_are_recognised() -> None:
    names = {type(method).__name__ for method in PURE}
    assert {"RSLAD", "AdaAD"} <= names
    assert not {"PGDAT", "TRADES"} & names


@pytest.mark.parametrize("method", PURE, ids=repr)
def test_a_student_that_equals_its_teacher_has_nothing_to_learn(method: Method) -> None:
    """Without a perturbation: RSLAD wants T(x) at x' too, which the teacher itself does not give."""
    student: TinyConvNet = conv_net(seed=1, scale=5).double().eval()
    teacher = frozen_teacher(copy.deepcopy(student))
    x = images(BATCH, 3, 6, 6, dtype=torch.float64)
    loss = method(Line(student, teacher, x, Y, x, natural_teacher=teacher))
    assert loss.abs().max() < 1e-12
    (gradient,) = torch.autograd.grad(loss.sum(), [student.head.weight])
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("method", [parse("AdaAD()", Method), parse("AdaAD() + IGDM(alpha=2)", Method)], ids=repr)
def test_adaad_and_igdm_compare_both_networks_at_the_same_images(method: Method) -> None:
    student = conv_net(seed=1, scale=5).double().eval()
    teacher, natural = frozen_teacher(copy.deepcopy(student)), frozen_teacher(conv_net())
    assert method(line(student, teacher, natural)).abs().max() < 1e-12
