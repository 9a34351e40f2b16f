"""Methods: an objective with its inner loss, the start of its attack, and the terms that were added."""

from __future__ import annotations

import copy
import operator
import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch

from robustill.attacks import PGD, Gaussian, Linf, Uniform, Zero
from robustill.expression import parse
from robustill.methods.adaad import AdaAD
from robustill.methods.ard import ARD
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.objectives import IGDM, Line, Method, StudentCE, TeacherCleanKL, cross_entropy
from tests.networks import Counting, conv_net, frozen_teacher, images, labels, modes

ATTACK = PGD(budget=Linf(8 / 255), steps=2, step_size=2 / 255)
X, Y = images(4, 3, 6, 6), labels(4, 10)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_sum_is_the_method_with_the_term() -> None:
    method, term = RSLAD(scale=0.5), IGDM(alpha=10)
    both = method + term
    assert isinstance(both, RSLAD)
    assert both.terms == (term,) and both.inner == TeacherCleanKL() and both.start == Gaussian(0.001)
    assert method.terms == ()
    assert repr(both) == "RSLAD(scale=0.5) + IGDM(alpha=10)"
    assert repr(both + IGDM(alpha=1, gamma=0.5)) == "RSLAD(scale=0.5) + IGDM(alpha=10) + IGDM(alpha=1, gamma=0.5)"
    assert hash(both) == hash(RSLAD(scale=0.5) + IGDM(alpha=10)) and both != method


def test_the_loss_of_a_sum_is_the_sum_of_the_losses() -> None:
    line = Line(conv_net(), frozen_teacher(conv_net(seed=1)), X, Y, images(4, 3, 6, 6, seed=1), progress=0.5)
    terms = IGDM(alpha=10), IGDM(alpha=3, distance="l1")
    expected = TRADES()(line) + terms[0](line) + terms[1](line)
    torch.testing.assert_close((TRADES() + terms[0] + terms[1])(line), expected)


@pytest.mark.parametrize("other", [PGDAT(), StudentCE(), 3, "IGDM(alpha=1)"], ids=repr)
def test_only_terms_can_be_added(other: Any) -> None:
    with pytest.raises(TypeError):
        operator.add(RSLAD(), other)
    with pytest.raises(TypeError):
        operator.add(IGDM(alpha=1), other)


@pytest.mark.parametrize("other", [PGDAT(), PGDAT() + IGDM(alpha=1)], ids=repr)
def test_a_method_is_no_term_of_another_by_any_way(other: Method) -> None:
    message = r"terms requires what can be added to a method, .* Found: PGDAT\(\).* two of them do not add up"
    with pytest.raises(ValueError, match=message):
        RSLAD(terms=(IGDM(alpha=1), other))
    with pytest.raises(ValueError, match=message):
        replace(RSLAD(), terms=(other,))
    with pytest.raises(ValueError, match=message):
        parse("RSLAD(terms=(PGDAT(),))", Method)


def test_terms_may_be_given_as_a_field_too_and_survive_a_copy() -> None:
    method = RSLAD(terms=(IGDM(alpha=1),))
    assert method == RSLAD() + IGDM(alpha=1) == parse("RSLAD(terms=(IGDM(alpha=1),))", Method)
    assert copy.deepcopy(method) == copy.copy(method) == pickle.loads(pickle.dumps(method)) == method


def test_the_loss_is_the_mean_at_the_attacked_images_with_the_clean_statistics_of_train_mode() -> None:
    student, again = conv_net().train(), conv_net().train()
    loss = PGDAT().loss(student, None, X, Y, attack=ATTACK, generator=generator())
    x_adv = ATTACK.maximize(
        lambda image: cross_entropy(again.eval()(image), Y), X, start=Uniform(), generator=generator()
    )
    assert torch.equal(loss, cross_entropy(again.train()(x_adv), Y).mean())


def test_the_method_gives_the_start_unless_the_attack_does() -> None:
    teacher = frozen_teacher(conv_net(seed=1))

    def loss(method: PGDAT, attack: PGD) -> float:
        return method.loss(conv_net(), teacher, X, Y, attack=attack, generator=generator()).item()

    zero = PGD(budget=Linf(8 / 255), steps=2, step_size=2 / 255, start=Zero())
    assert loss(PGDAT(start=Zero()), ATTACK) == loss(PGDAT(start=Zero()), zero) == loss(PGDAT(), zero)
    assert loss(PGDAT(), ATTACK) != loss(PGDAT(), zero)


def test_modes_flags_and_gradients_are_left_alone_until_backward() -> None:
    student, teacher = conv_net().train(), frozen_teacher(conv_net(seed=1))
    student.body[1].eval()
    student.head.bias.requires_grad_(False)
    before = modes(student), modes(teacher)
    loss = (AdaAD() + IGDM(alpha=1)).loss(student, teacher, X, Y, attack=ATTACK)
    assert (modes(student), modes(teacher)) == before
    assert not student.head.bias.requires_grad and student.head.weight.requires_grad
    assert all(p.grad is None for p in (*student.parameters(), *teacher.parameters()))
    loss.backward()
    assert all(p.grad is None for p in teacher.parameters()) and student.head.bias.grad is None
    assert student.head.weight.grad is not None


def test_a_teacher_whose_parameters_are_trainable_gets_no_gradients_either() -> None:
    teacher = conv_net(seed=1).eval()
    (AdaAD() + IGDM(alpha=1)).loss(conv_net(), teacher, X, Y, attack=ATTACK).backward()
    assert all(p.grad is None and p.requires_grad for p in teacher.parameters())


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_attack_mode_decides_whether_the_attack_moves_the_running_statistics(mode: Any) -> None:
    student = conv_net().train()
    tracked = student.body[1].num_batches_tracked
    assert isinstance(tracked, torch.Tensor)
    before = int(tracked)
    PGDAT(attack_mode=mode).loss(student, None, X, Y, attack=ATTACK)
    assert int(tracked) - before == (ATTACK.steps + 1 if mode == "train" else 1)
    assert student.training


def test_an_attack_mode_that_is_none_is_refused() -> None:
    wrong: Any = "training"
    with pytest.raises(ValueError, match=r"ARD requires an attack_mode of eval or train\. Found: 'training'\."):
        ARD(attack_mode=wrong)
    with pytest.raises(ValueError, match="ARD requires an attack_mode"):
        replace(ARD(), attack_mode=wrong)


def test_all_teacher_points_of_the_outer_step_are_one_call() -> None:
    teacher = Counting(frozen_teacher(conv_net(seed=1)), len(X))
    (RSLAD() + IGDM(alpha=10)).loss(conv_net(), teacher, X, Y, attack=ATTACK)
    assert (teacher.calls, teacher.forwards) == (2, 3)  # T(x) before the attack, T(x + δ) and T(x - δ) after it


def test_the_progress_reaches_the_ramp() -> None:
    teacher = frozen_teacher(conv_net(seed=1))

    def loss(alpha: float, progress: float) -> torch.Tensor:
        method = PGDAT() + IGDM(alpha=alpha)
        return method.loss(conv_net(), teacher, X, Y, attack=ATTACK, progress=progress, generator=generator())

    torch.testing.assert_close(loss(alpha=8, progress=0.25), loss(alpha=2, progress=1))
    assert loss(alpha=8, progress=1) > loss(alpha=2, progress=1)


def test_a_teacher_in_train_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"The teacher must be in eval mode. Found: train mode. Call"):
        RSLAD().loss(conv_net(), conv_net(seed=1).train(), X, Y, attack=ATTACK)


def test_a_method_with_a_teacher_refuses_none() -> None:
    for method in (RSLAD(), AdaAD(), PGDAT() + IGDM(alpha=1)):
        with pytest.raises(ValueError, match=r"asks for a teacher. Found: teacher=None"):
            method.loss(conv_net(), None, X, Y, attack=ATTACK)
