"""The subject: nothing is computed twice, and small samples have all classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from robustill.attacks import DLR, FGSM, L2, PGD, Ascent, Clean, CrossEntropy, Linf, Margin
from robustill.audit import Subject
from robustill.data.split import Split
from tests.audit.planting import EFFORT, easy, subject_of
from tests.networks import Counting, conv_net, linear


def counted(subject: Subject) -> tuple[Subject, Counting]:
    counting = Counting(subject.model, len(subject))
    return replace(subject, model=counting), counting


def test_the_same_attack_is_made_once() -> None:
    subject, passes = counted(easy())
    attacks = (subject.pgd(), FGSM(budget=subject.budget), Ascent(attack=subject.pgd(), loss=Margin()))
    once = [subject.under(attack) for attack in attacks]
    made = passes.images
    assert made > 0
    for attack, found in zip(attacks, once, strict=True):
        assert subject.under(attack) is found
    assert subject.robust(subject.pgd()) == float(once[0].correct.double().mean())
    assert subject.under(PGD(**vars(subject.pgd()))) is once[0] and passes.images == made


def known(subject: Subject) -> tuple[object, ...]:
    return (subject.logits, subject.gradient(CrossEntropy()), subject.gradient(DLR()), subject.seen)


def test_logits_and_gradients_too() -> None:
    subject, passes = counted(easy())
    once = known(subject)
    made = passes.images
    assert all(one is other for one, other in zip(once, known(subject), strict=True)) and passes.images == made


def test_clean_is_an_attack_like_others() -> None:
    subject = easy()
    assert torch.equal(subject.under(Clean()).images, subject.x) and subject.under(Clean()).correct.all()


def test_two_attacks_start_at_the_same_points() -> None:
    """So twice the steps are the same search, continued."""

    class Flat(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(len(x), 4) + 0 * x.sum()

    subject = Subject(Flat(), easy().split, Linf(8 / 255), EFFORT)
    assert torch.equal(subject.under(subject.pgd()).images, subject.under(subject.pgd(times=2)).images)


def test_what_an_attack_looked_at_is_remembered() -> None:
    subject = easy()
    found = subject.under(subject.pgd())
    assert found.touched is not None and (found.touched | found.correct).all() and found.touched.any()
    assert subject.under(Ascent(attack=subject.pgd(), loss=Margin())).touched is None


def test_few_images_have_all_classes() -> None:
    labels = torch.tensor([0] * 10 + [1] * 10 + [2] * 3)
    split = Split(torch.arange(23).to(torch.uint8)[:, None, None, None].expand(23, 1, 6, 6).contiguous(), labels)
    subject = Subject(linear(3, 36), split, Linf(8 / 255), replace(EFFORT, strong=6))
    assert subject.few(6)[1].tolist() == [0, 1, 2, 0, 1, 2]
    assert subject.few(9)[1].bincount().tolist() == [3, 3, 3]
    assert subject.strong.tolist() == [0, 1, 10, 11, 20, 21]
    assert sorted(subject.spread.tolist()) == list(range(23))
    assert torch.equal((subject.few(3)[0][:, 0, 0, 0] * 255).round(), torch.tensor([0.0, 10.0, 20.0]))


@pytest.mark.parametrize(
    ("times", "radius"), [(1, 8 / 255), (4, 32 / 255), (100, 1.0)], ids=["same", "four", "all_pixels"]
)
def test_larger_balls(times: float, radius: float) -> None:
    assert easy().ball(times) == Linf(radius)
    assert subject_of(linear(4, 36), budget=L2(0.5)).ball(100) == L2(50.0)


def test_the_scale_free_loss_needs_three_classes() -> None:
    assert easy().scale_free == DLR()
    assert subject_of(linear(2, 36), classes=2).scale_free == Margin()


def test_the_network_is_asked_in_eval_mode_and_left_as_it_was() -> None:
    network = conv_net(channels=1, classes=4)
    subject = subject_of(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    subject.ask(subject.x, batch=7)
    subject.gradient(CrossEntropy())
    subject.under(subject.pgd())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(module.training for module in network.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
