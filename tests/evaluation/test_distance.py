"""The distance of the logits to the teacher's: closed forms, and the attack is the method's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from robustill.attacks import PGD, Linf, Uniform, Zero, search
from robustill.data import Split, to_float
from robustill.evaluation import Distance, evaluate, measure_batches, pointwise_distance
from robustill.methods import KD, PGDAT, RSLAD, SAAD, TRADES, AdaAD
from robustill.objectives import IGDM, EntropyWeight, Method, StudentCE, TeacherAdversarialKL
from tests.evaluation.test_accuracy import coloured, grey
from tests.networks import Linear, conv_net, frozen_teacher, images, linear, modes
from tests.small import assert_same, tensors

BUDGET = Linf(8 / 255)
PGD5 = PGD(budget=BUDGET, steps=5, step_size=2 / 255)


def distances(method: Method, student: nn.Module, teacher: nn.Module, split: Split) -> dict[str, Tensor]:
    found = measure_batches(student, split, Distance(teacher, BUDGET, method, PGD5), batch_size=20, seed=2)
    return {name: torch.from_numpy(values) for name, values in found.items()}


def test_of_two_linear_networks() -> None:
    student, teacher, x = linear(5, 9, seed=1), linear(5, 9, seed=2), images(6, 1, 3, 3)
    gap = x.flatten(1) @ (teacher.weight - student.weight).T + teacher.bias - student.bias
    torch.testing.assert_close(pointwise_distance(student, teacher, x), gap.norm(dim=1).detach(), rtol=1e-5, atol=1e-6)


def test_a_network_is_at_no_distance_from_itself() -> None:
    network = conv_net()
    for values in distances(AdaAD(), network, frozen_teacher(network), coloured()).values():
        assert torch.equal(values, torch.zeros(50))


def test_the_noise_is_uniform_in_the_ball() -> None:
    """The student's logit is a pixel, the teacher's nothing: the distance is the pixel's value."""
    student, teacher = Linear(torch.eye(16)[:1]), Linear(torch.zeros(1, 16))
    split = Split(grey(1000), torch.zeros(1000, dtype=torch.int64))
    found = distances(PGDAT(), student, teacher, split)
    pixel = to_float(split.images)[:, 0, 0, 0]
    torch.testing.assert_close(found["distance_clean"], pixel)
    delta = (found["distance_uniform"] - pixel) * 255 / 8
    assert delta.abs().max() <= 1 + 1e-5
    assert delta.mean().abs() < 0.05 and (delta.square().mean() - 1 / 3).abs() < 0.03


@pytest.mark.parametrize("method", [PGDAT(), AdaAD(), SAAD()], ids=repr)
def test_a_few_images_at_a_time_are_as_far_as_all_at_once(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = conv_net(), frozen_teacher(conv_net(seed=2))

    def found(portion: int) -> tuple[dict[str, Tensor], int]:
        monkeypatch.setattr(search, "PORTION", portion)
        asked: list[int] = []
        hook = student.register_forward_pre_hook(lambda _, inputs: asked.append(len(inputs[0])))
        values = distances(method, student, teacher, coloured())
        hook.remove()
        return values, max(asked)

    (whole, at_once), (parted, at_most) = found(20), found(7)
    assert (at_once, at_most) == (20, 7)
    for name, values in whole.items():
        torch.testing.assert_close(parted[name], values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [PGDAT(), TRADES(), RSLAD(), AdaAD(), SAAD()], ids=repr)
def test_the_attack_climbs_the_methods_own_inner_loss_from_its_own_start(method: Method) -> None:
    student, teacher, split = conv_net(), frozen_teacher(conv_net(seed=2)), coloured().subset(torch.arange(7))
    x, y = to_float(split.images), split.labels
    student.eval()
    generator = torch.Generator().manual_seed(0)
    Uniform()(x, BUDGET, generator)  # the noise of distance_uniform comes first
    line = method.attacked(student, teacher, x, y, attack=PGD5, generator=generator)
    expected = pointwise_distance(student, teacher, line.point(1))
    measured = Distance(teacher, BUDGET, method, PGD5)(student, x, y, torch.Generator().manual_seed(0))
    torch.testing.assert_close(measured["distance_adversarial"], expected)
    assert not torch.equal(measured["distance_adversarial"], measured["distance_clean"])


def test_the_inner_loss_decides_what_is_found() -> None:
    student, teacher = conv_net(), frozen_teacher(conv_net(seed=2))
    found = {
        type(method).__name__: distances(method, student, teacher, coloured())["distance_adversarial"]
        for method in (PGDAT(), AdaAD())
    }
    assert found["AdaAD"].mean() > found["PGDAT"].mean()  # it drives the two networks apart


def test_neither_terms_nor_weights_nor_the_mode_of_training_matter() -> None:
    student, teacher = conv_net(), frozen_teacher(conv_net(seed=2))
    plain = distances(RSLAD(), student, teacher, coloured())
    busy = RSLAD(attack_mode="train", weight=EntropyWeight(), bn_parity=(1, 0, -1, 1)) + IGDM(alpha=10)
    for name, values in distances(busy, student, teacher, coloured()).items():
        assert torch.equal(values, plain[name]), name


def test_a_method_that_attacks_nothing_is_attacked_by_the_students_cross_entropy() -> None:
    student, teacher = conv_net(), frozen_teacher(conv_net(seed=2))
    assert "climbs StudentCE()" in Distance(teacher, BUDGET, KD(), PGD5).text
    plain = distances(KD(), student, teacher, coloured())
    for name, values in distances(replace(KD(), inner=StudentCE()), student, teacher, coloured()).items():
        assert torch.equal(plain[name], values), name


def test_the_text_says_every_choice() -> None:
    text = Distance(conv_net(), BUDGET, AdaAD(), PGD5).text
    for word in ("L2 distance of the logits", "Linf(8/255)", "steps=5, step_size=2/255", repr(TeacherAdversarialKL())):
        assert word in text, word
    assert "from Gaussian(0.001)" in text
    assert "from Zero()" in Distance(conv_net(), BUDGET, AdaAD(), replace(PGD5, start=Zero())).text


def test_no_trace_is_left() -> None:
    student, teacher = conv_net().train(), conv_net(seed=2).train()
    student.head.bias.grad = torch.ones(10)
    before = (tensors(student), tensors(teacher), modes(student), modes(teacher), torch.get_rng_state())
    distances(SAAD(), student, teacher, coloured())
    assert_same((tensors(student), tensors(teacher), modes(student), modes(teacher), torch.get_rng_state()), before)
    assert student.head.bias.grad.eq(1).all() and student.head.weight.grad is None
    assert all(p.grad is None and p.requires_grad for p in teacher.parameters())


def test_an_evaluation_reports_the_means() -> None:
    student, teacher = conv_net(), frozen_teacher(conv_net(seed=2))
    distance = Distance(teacher, BUDGET, RSLAD(), PGD5)
    found = evaluate(student, coloured(), adversaries={}, more=[distance]).measures
    assert list(found) == ["distance_clean", "distance_uniform", "distance_adversarial"]
    for mean in found.values():
        assert mean.n == 50 and mean.text == distance.text and mean.interval[0] < mean.mean < mean.interval[1]
