"""One call that measures a network: what it says, that it is true, and that it says how it was made."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from robustill.attacks import Attack, Clean, Linf
from robustill.data import Split
from robustill.evaluation import correct_under, evaluate, gradient_agreement, standard_adversaries
from robustill.expression import parse
from robustill.results import Evaluation
from tests.networks import conv_net, frozen_teacher, labels, modes
from tests.small import assert_same, tensors

ADVERSARIES = standard_adversaries(Linf(8 / 255))


def split(count: int = 30) -> Split:
    pixels = torch.randint(256, (count, 3, 6, 6), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    return Split(pixels, labels(count, 4))


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate(
        conv_net(classes=4),
        split(),
        adversaries=ADVERSARIES,
        teacher=frozen_teacher(conv_net(seed=2, classes=4)),
        batch_size=11,
        seed=5,
        model_name="last",
        teacher_name="demo",
        data_name="npz:photos.npz",
        classes=("a", "b", "c", "d"),
    )


def test_the_numbers_are_those_of_the_parts(evaluation: Evaluation) -> None:
    network, guide = conv_net(classes=4), conv_net(seed=2, classes=4)
    for name, adversary in ADVERSARIES.items():
        flags = correct_under(network, split(), adversary, batch_size=11, seed=5)
        assert evaluation.accuracies[name].correct == flags.sum()
        assert np.array_equal(evaluation.arrays[f"correct_{name}"], flags.numpy())
    for name, values in gradient_agreement(network, guide, split(), batch_size=11).items():
        assert evaluation.agreement[name].mean == pytest.approx(values.double().mean().item(), rel=1e-6)
        assert evaluation.agreement[name].std == pytest.approx(values.double().std().item(), rel=1e-6)
        assert np.array_equal(evaluation.arrays[name], values.numpy())


def test_every_number_comes_with_its_n_and_an_interval_around_it(evaluation: Evaluation) -> None:
    for accuracy in evaluation.accuracies.values():
        assert accuracy.n == 30
        assert accuracy.interval[0] < accuracy.accuracy < accuracy.interval[1]
    for mean in evaluation.agreement.values():
        assert mean.n == 30
        assert mean.interval[0] < mean.mean < mean.interval[1]


def test_it_says_how_it_was_made(evaluation: Evaluation) -> None:
    row = evaluation.to_json()
    said = {
        key: row[key] for key in ("model", "parameters", "data", "split", "teacher", "precision", "batch_size", "seed")
    }
    assert said == {
        "model": "last",
        "parameters": sum(p.numel() for p in conv_net(classes=4).parameters()),
        "data": "npz:photos.npz",
        "split": "test",
        "teacher": "demo",
        "precision": "float32",
        "batch_size": 11,
        "seed": 5,
    }
    assert row["environment"]["torch"] == torch.__version__ and row["seconds"] > 0


def test_adversaries_are_written_with_every_parameter(evaluation: Evaluation) -> None:
    written = evaluation.accuracies["pgd20"].adversary
    assert written == "PGD(budget=Linf(8/255), steps=20, step_size=2/255, start=Uniform(clip=True))"
    assert parse(written, Attack) == ADVERSARIES["pgd20"]


def test_json_and_back(evaluation: Evaluation) -> None:
    text = json.dumps(evaluation.to_json(), allow_nan=False)
    row = json.loads(text)
    assert Evaluation.from_json(row) == evaluation
    assert "arrays" not in row
    assert row["accuracies"]["clean"]["interval_95"] == list(evaluation.accuracies["clean"].interval)


def test_without_a_teacher_nothing_is_said_of_agreement() -> None:
    found = evaluate(conv_net(classes=4), split(), adversaries=ADVERSARIES)
    assert found.agreement == {} and found.teacher is None
    assert not any("teacher" in name or name in ("gd", "gc") for name in found.arrays)


def test_clean_alone_has_no_gallery() -> None:
    found = evaluate(conv_net(classes=4), split(), adversaries={"clean": Clean()})
    assert sorted(found.arrays) == ["correct_clean"]


def test_one_image_is_enough() -> None:
    one = split(1)
    found = evaluate(conv_net(classes=4), one, adversaries=ADVERSARIES, teacher=conv_net(seed=2, classes=4).eval())
    assert found.accuracies["clean"].n == 1 and found.agreement["gd"].std == 0
    json.dumps(found.to_json(), allow_nan=False)


def test_two_evaluations_are_equal_but_for_the_time() -> None:
    first, second = (evaluate(conv_net(classes=4), split(), adversaries=ADVERSARIES, seed=3) for _ in range(2))
    assert first.accuracies == second.accuracies
    for name, values in first.arrays.items():
        assert np.array_equal(values, second.arrays[name]), name


def test_no_trace_is_left() -> None:
    student, teacher = conv_net(classes=4).train(), frozen_teacher(conv_net(seed=2, classes=4))
    student.head.bias.grad = torch.ones(4)
    before = (tensors(student), tensors(teacher), modes(student), modes(teacher), torch.get_rng_state())
    evaluate(student, split(), adversaries=ADVERSARIES, teacher=teacher)
    assert_same((tensors(student), tensors(teacher), modes(student), modes(teacher), torch.get_rng_state()), before)
    assert student.head.bias.grad.eq(1).all() and student.head.weight.grad is None
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_progress_adds_up_to_all_passes() -> None:
    told: list[float] = []
    evaluate(conv_net(classes=4), split(), adversaries=ADVERSARIES, batch_size=7, advance=told.append)
    assert sum(told) == 30 * (1 + 41)
