"""D: an attack that is broken fails where the answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from robustill.attacks import L1, L2, PGD, AutoAttack, Budget, Linf
from robustill.audit.planted import _distance, _Features, _nearest_mean
from robustill.types import Images
from tests.audit.planting import constant, easy, subject_of, verdict
from tests.networks import conv_net, linear


def stands_still(self: object, loss: object, x: Images, **options: Any) -> Images:
    return x.detach()


def finds_nothing(self: object, classes: int) -> dict[str, Any]:
    return {}


@pytest.mark.parametrize("budget", [Linf(8 / 255), L2(0.5), L1(4)], ids=repr)
def test_a_planted_example_is_found(budget: Budget) -> None:
    assert verdict("D27", subject_of(conv_net(channels=1, classes=4).eval(), budget=budget))[0] == "pass"


def test_an_attack_that_stands_still_finds_nothing_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PGD, "maximize", stands_still)
    assert verdict("D27", subject_of(conv_net(channels=1, classes=4).eval()))[0] == "fail"


def test_logits_are_features_where_there_is_no_linear_layer() -> None:
    assert verdict("D27", easy())[0] in ("pass", "skipped")


def test_nothing_can_be_planted_in_a_network_that_sees_nothing() -> None:
    found, said = verdict("D27", subject_of(constant()))
    assert (found, said) == ("skipped", "random draws find 0 of 0 planted examples: no test of an attack")


def test_normal_training_against_an_attack_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(linear(4, 64), size=8)
    monkeypatch.setattr(PGD, "maximize", stands_still)
    found, said = verdict("D28", subject)
    assert found == "fail" and " stand, " in said and "at Linf(32/255)" in said


@pytest.mark.parametrize("budget", [Linf(32 / 255), L1(2)], ids=repr)
def test_autoattack_is_exact_on_a_linear_network(budget: Budget) -> None:
    found, said = verdict("D29", subject_of(linear(4, 36), count=20, budget=budget))
    assert found == "pass" and said.startswith("0 of ")


def test_of_many_classes_every_tenth_is_one() -> None:
    """AutoAttack tries nine targets; with thirty classes it would miss the nearest."""
    found, said = verdict("D29", subject_of(linear(30, 36), count=60, budget=Linf(32 / 255)))
    assert found == "pass" and said.startswith("0 of ")


def test_an_autoattack_that_does_nothing_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AutoAttack, "attacks", finds_nothing)
    assert verdict("D29", subject_of(linear(4, 36), count=60, budget=Linf(32 / 255)))[0] == "fail"


def test_the_distance_is_the_margin_over_the_dual_norm() -> None:
    """Where no border of [0, 1] is near: robust exactly when the margin is larger than eps·‖w‖₁."""
    subject = subject_of(linear(3, 36), count=40, classes=3)
    subject.__dict__["x"] = 0.5 + 0.001 * (subject.x - 0.5)
    network = _nearest_mean(subject.x, subject.y)
    weight, logits = network.weight, network(subject.x)
    distance = _distance(network, subject)
    for row, label in enumerate(subject.y.tolist()):
        others = [other for other in range(logits.shape[1]) if other != label]
        ways = [
            (logits[row, label] - logits[row, other]).clamp_min(0) / (weight[label] - weight[other]).abs().sum()
            for other in others
        ]
        torch.testing.assert_close(distance[row], torch.stack(ways).min(), rtol=1e-3, atol=1e-6)


def test_images_of_one_class_are_nothing_to_tell_apart() -> None:
    subject = easy()
    alike = replace(subject, split=replace(subject.split, labels=torch.zeros_like(subject.y)))
    found, said = verdict("D29", alike)
    assert found == "skipped" and said.startswith("all images are of one class")


def test_a_layer_that_is_called_by_keyword() -> None:
    class Keyword(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(36, 4)

        def forward(self, x: Images) -> torch.Tensor:
            return torch.as_tensor(self.last(input=x.flatten(1)))

    subject = subject_of(Keyword())
    assert torch.equal(_Features(subject.model)(subject.x), subject.x.flatten(1))
    assert verdict("A6", subject)[0] == "pass"
