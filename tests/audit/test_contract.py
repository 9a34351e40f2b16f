"""A: what the planted defects of whole audits leave open."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from robustill.attacks import Linf
from robustill.audit import Record, Subject
from robustill.data.split import Split
from robustill.models import Normalize
from robustill.results import Accuracy, Evaluation
from tests.audit.planting import EFFORT, constant, easy, reading, subject_of, verdict, with_record
from tests.networks import linear, seeded


def reported(correct: int, n: int = 1000) -> Record:
    accuracies = {"clean": Accuracy(adversary="Clean()", n=n, correct=correct)}
    return Record(
        evaluation=Evaluation(
            model="",
            parameters=0,
            data="",
            split="test",
            classes=(),
            accuracies=accuracies,
            batch_size=1,
            seed=0,
            seconds=0.0,
        )
    )


def without_batch_norm(*layers: nn.Module) -> nn.Module:
    return seeded(lambda: nn.Sequential(*layers, nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 4)), 0)


def test_logits_that_happen_to_be_positive_are_no_probabilities() -> None:
    assert verdict("A3", subject_of(nn.Sequential(linear(4, 36), nn.Softplus())))[0] == "pass"
    assert verdict("A3", subject_of(nn.Sequential(linear(4, 36), nn.LogSoftmax(1))))[0] == "pass"
    assert verdict("A3", subject_of(nn.Sequential(linear(4, 36), nn.Softmax(1))))[0] == "fail"


@pytest.mark.parametrize(
    ("correct", "n", "expected"),
    [(1000, 1000, "pass"), (970, 1000, "pass"), (900, 1000, "fail"), (18, 20, "pass"), (14, 20, "fail")],
)
def test_clean_accuracy_against_the_record(correct: int, n: int, expected: str) -> None:
    """All of 200 are right, at least 98.1 % of all images with 95 % confidence; of 20 at most 97.2 and 85.5 % were."""
    found, said = verdict("A10", with_record(easy(), reported(correct, n)))
    assert found == expected and f"reported {correct / n:.1%} of {n:,}" in said


def test_clean_accuracy_without_a_record_has_to_beat_chance() -> None:
    assert verdict("A10", easy())[0] == "pass"
    blind = Subject(constant(), Split(easy().split.pixels, torch.arange(200) % 4), Linf(8 / 255), EFFORT)
    found, said = verdict("A10", blind)
    assert found == "fail" and "25.0%" in said and "chance is 25.0%" in said


def test_a_record_without_clean_accuracy_is_none() -> None:
    record = reported(10)
    assert record.evaluation is not None
    robust = Record(evaluation=replace(record.evaluation, accuracies={}))
    assert "not reported" in verdict("A10", with_record(easy(), robust))[1]


def test_batch_norm_that_saw_other_images() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1, momentum=None), without_batch_norm())  # None: the plain average
    network.train()(easy().x)
    assert reading("A6", subject_of(network)).value < 0.05
    brighter = nn.Sequential(Normalize((-0.2,), (1.0,)), network)
    assert 0.5 < reading("A6", subject_of(brighter)).value < 1
    twice = nn.Sequential(Normalize((0.3,), (0.3,)), network)
    assert verdict("A6", subject_of(twice))[0] == "fail"


def test_batch_norm_that_was_never_trained_says_nothing() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1), without_batch_norm())
    assert "the first layer sees a spread" in verdict("A6", subject_of(network))[1]


def test_without_batch_norm_the_first_layer_warns_and_never_fails() -> None:
    assert verdict("A6", subject_of(without_batch_norm()))[0] == "pass"
    assert verdict("A6", subject_of(without_batch_norm(Normalize((0.5,), (0.29,)))))[0] == "pass"
    again = without_batch_norm(Normalize((0.5,), (0.29,)), Normalize((0.5,), (0.29,)))
    found, said = verdict("A6", subject_of(again))
    assert found == "warn" and "spread of 3." in said


def test_an_image_alone() -> None:
    class Centred(nn.Module):
        """Looks at how an image differs from its neighbours."""

        def __init__(self) -> None:
            super().__init__()
            self.network = linear(4, 36)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.network(x - x.mean(0)))

    assert verdict("A5", subject_of(Centred()))[0] == "fail"
    assert verdict("A5", easy())[0] == "pass"


def test_a_graph_that_ends_elsewhere_is_no_path() -> None:
    class Elsewhere(nn.Module):
        """The logits have a graph, and it does not begin at the image."""

        def __init__(self) -> None:
            super().__init__()
            self.free = torch.zeros(4, requires_grad=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.detach().flatten(1)[:, :4] + self.free

    assert verdict("A7", subject_of(Elsewhere())) == ("fail", "no gradient arrives")
    assert verdict("A7", easy()) == ("pass", "a gradient arrives")


@pytest.mark.parametrize("normalised", [True, False])
def test_one_image_of_single_values_has_no_spread(normalised: bool) -> None:
    norm = nn.BatchNorm1d(36)
    norm.train()(torch.rand(20, 36))
    network = nn.Sequential(nn.Flatten(), *([norm] if normalised else []), nn.Linear(36, 4))
    assert verdict("A6", subject_of(network, count=1))[0] == "skipped"
    assert verdict("A6", subject_of(network, count=2))[0] != "skipped"
