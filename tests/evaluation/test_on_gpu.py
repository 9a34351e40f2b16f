"""Evaluation on a GPU: what draws no noise finds there what it finds on a CPU, and the rest keeps its promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robustill.attacks import FGSM, L1, L2, PGD, AutoAttack, Budget, Clean, Linf, Zero
from robustill.evaluation import Distance, Remainder, evaluate
from robustill.methods import RSLAD
from robustill.results import Evaluation
from tests.devices import on_gpu
from tests.evaluation.brief import Brief
from tests.evaluation.test_evaluate import split
from tests.networks import conv_net, frozen_teacher
from tests.small import assert_same, tensors

pytestmark = on_gpu
BALL = Linf(24 / 255)


def measured(device: str) -> Evaluation:
    student, teacher = conv_net(classes=4, scale=5).to(device), frozen_teacher(conv_net(seed=2, classes=4)).to(device)
    before = tensors(student)
    pgd = PGD(budget=BALL, steps=5, step_size=8 / 255, start=Zero())
    found = evaluate(
        student,
        split(64).to(device),
        adversaries={"clean": Clean(), "fgsm": FGSM(budget=BALL), "pgd": pgd, "autoattack": Brief(budget=BALL)},
        teacher=teacher,
        more=[Distance(teacher, BALL, RSLAD(), pgd), Remainder(BALL, pgd)],
        batch_size=24,
        force=True,
    )
    assert_same(tensors(student), before)
    return found


def test_the_same_is_found_as_on_a_cpu() -> None:
    there, here = measured("cuda"), measured("cpu")
    for name in ("correct_clean", "correct_fgsm", "correct_pgd"):
        assert (there.arrays[name] != here.arrays[name]).mean() <= 1 / 64, name  # a margin of a rounding
    assert (there.arrays["correct_autoattack"] <= there.arrays["correct_pgd"]).all()
    for name in ("gd", "gc", "distance_clean", "distance_adversarial", "remainder_adversarial"):
        np.testing.assert_allclose(there.arrays[name], here.arrays[name], rtol=0.05, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("budget", [Linf(8 / 255), L2(0.5), L1(6.0)], ids=repr)
def test_autoattack_leaves_networks_and_generators_as_they_were(budget: Budget) -> None:
    network, x = conv_net(classes=4).to("cuda"), split(32).images.to("cuda") / 255
    y = network.eval()(x).argmax(1)
    before, state = tensors(network), torch.cuda.get_rng_state()
    attack = AutoAttack(budget=budget, version="quick")
    x_adv = attack(network, x, y, generator=torch.Generator("cuda").manual_seed(0))
    assert x_adv.is_cuda and budget.holds(x_adv - x).all() and x_adv.min() >= 0 and x_adv.max() <= 1
    assert torch.equal(state, torch.cuda.get_rng_state())
    assert_same(tensors(network), before)
    repeated = attack(network, x, y, generator=torch.Generator("cuda").manual_seed(0))
    assert torch.equal(repeated, x_adv)
    assert (network(x_adv).argmax(1) != y).any()
