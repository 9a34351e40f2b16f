"""One call that measures a network: what it says, that it is true, and that it says how it was made."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from robustill.attacks import FGSM, L2, PGD, VMIFGSM, Attack, AutoAttack, Clean, Foreign, Linf, Transfer, UniformNoise
from robustill.data import Split
from robustill.evaluation import (
    Distance,
    Remainder,
    Under,
    correct_under,
    evaluate,
    gradient_agreement,
    plan,
    standard_adversaries,
)
from robustill.evaluation.evaluate import pictured
from robustill.expression import parse
from robustill.methods import RSLAD
from robustill.results import Evaluation
from tests.evaluation.brief import Brief
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


def test_nor_by_any_other_measurement() -> None:
    networks = [conv_net(seed=seed, classes=4).train() for seed in (1, 2, 3)]
    student, teacher, surrogate = networks
    student.head.bias.grad = torch.ones(4)
    before = ([(tensors(network), modes(network)) for network in networks], torch.get_rng_state())
    budget = Linf(8 / 255)
    pgd = PGD(budget=budget, steps=2, step_size=4 / 255)
    evaluate(
        student,
        split(),
        adversaries={
            "pgd": pgd,
            "aa": Brief(budget=budget),
            "vmi": Transfer(attack=VMIFGSM(budget=budget, steps=2, samples=1), surrogate=surrogate, name="other"),
            "theirs": Foreign(
                function=lambda model, x, y: 0.98 * x + 0.01 * torch.rand(()), budget=budget, name="them"
            ),
            "noise": UniformNoise(budget=budget, draws=3),
        },
        radii={"pgd": [0.1], "aa": [0.1]},
        teacher=teacher,
        more=[Distance(teacher, budget, RSLAD(), pgd), Remainder(budget, pgd)],
        force=True,
    )
    assert_same(([(tensors(network), modes(network)) for network in networks], torch.get_rng_state()), before)
    assert student.head.bias.grad.eq(1).all() and student.head.weight.grad is None
    for parameter in (*teacher.parameters(), *surrogate.parameters()):
        assert parameter.grad is None and parameter.requires_grad


def test_progress_adds_up_to_all_passes() -> None:
    told: list[float] = []
    evaluate(conv_net(classes=4), split(), adversaries=ADVERSARIES, batch_size=7, advance=told.append)
    assert sum(told) == 30 * (1 + 41)


def test_what_has_been_found_so_far_is_told_in_words() -> None:
    told: list[str] = []
    guide = conv_net(seed=2, classes=4)
    found = evaluate(
        conv_net(classes=4), split(), adversaries=ADVERSARIES, teacher=guide, batch_size=20, tell=told.append
    )
    clean = found.accuracies["clean"]
    assert len(told) == 3 * 2
    assert told[1] == f"clean: {100 * clean.accuracy:.1f} % of 30 so far" and "% of 20 so far" in told[0]
    assert told[3] == f"gd {found.agreement['gd'].mean:.4g}, gc {found.agreement['gc'].mean:.4g} of 30 so far"
    assert told[5].startswith("pgd20: ")


def test_the_accuracy_of_every_class_and_which_is_the_worst(evaluation: Evaluation) -> None:
    y, flags = split().labels.numpy(), evaluation.arrays["correct_pgd20"]
    accuracy = evaluation.accuracies["pgd20"]
    assert accuracy.by_class == tuple((int((y == c).sum()), int(flags[y == c].sum())) for c in range(4))
    row = evaluation.to_json()["accuracies"]["pgd20"]
    assert [part["class"] for part in row["by_class"]] == ["a", "b", "c", "d"]
    assert sum(part["correct"] for part in row["by_class"]) == accuracy.correct
    worst = min(row["by_class"], key=lambda part: part["accuracy"])
    assert row["worst_class"] == worst["class"]
    assert worst["interval_95"][0] <= worst["accuracy"] <= worst["interval_95"][1]


def test_how_many_stand_after_each_stage_of_autoattack() -> None:
    ensemble = Brief(budget=Linf(8 / 255))
    found = evaluate(conv_net(classes=4), split(), adversaries={"clean": Clean(), "aa": ensemble}, force=True)
    accuracy = found.accuracies["aa"]
    assert accuracy.stages is not None and list(accuracy.stages) == ["clean", "apgd-ce", "apgd-t", "fab-t", "square"]
    standing = list(accuracy.stages.values())
    assert standing == sorted(standing, reverse=True)
    assert standing[0] == found.accuracies["clean"].correct and standing[-1] == accuracy.correct
    assert found.accuracies["clean"].stages is None
    row = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert row["accuracies"]["aa"]["stages"] == accuracy.stages and Evaluation.from_json(row) == found


def test_with_fewer_than_four_classes_the_stage_has_the_name_of_what_was_climbed() -> None:
    three, quick = Split(split().images, labels(30, 3)), Brief(budget=Linf(8 / 255), version="quick")
    found = evaluate(conv_net(classes=3), three, adversaries={"aa": quick}, force=True)
    assert list(found.accuracies["aa"].stages or ()) == ["clean", "apgd-ce", "apgd-t on the margin"]


def test_the_gallery_shows_the_last_search_that_changes_every_image() -> None:
    pgd, fgsm, ensemble = PGD(budget=Linf(0.1), step_size=0.1), FGSM(budget=Linf(0.1)), AutoAttack(budget=Linf(0.1))
    noise = UniformNoise(budget=L2(0.1))
    for adversaries, expected in (
        ([Clean(), fgsm, pgd, ensemble, noise], pgd),
        ([Clean(), ensemble], ensemble),
        ([ensemble, noise], noise),
        ([Clean()], None),
    ):
        assert pictured(plan({str(index): one for index, one in enumerate(adversaries)})) == expected


def test_the_shortest_comes_first_and_the_order_of_the_report_is_that_of_the_names() -> None:
    told: list[str] = []
    names = {"pgd20": ADVERSARIES["pgd20"], "clean": ADVERSARIES["clean"]}
    found = evaluate(conv_net(classes=4), split(), adversaries=names, tell=told.append)
    assert [line.split(":")[0] for line in told] == ["clean", "pgd20"] and list(found.accuracies) == ["pgd20", "clean"]


def test_a_plan_is_what_is_measured() -> None:
    made = plan(ADVERSARIES, {"pgd20": [0.1]}, conv_net(seed=2, classes=4), [Under("more", Clean())])
    assert [one.name for one in made] == ["clean", "pgd20", "more", "agreement"]
    assert [type(one).__name__ for one in made] == ["Under", "Curve", "Under", "Agreement"]


def test_multiplies_as_float32_and_leaves_the_setting_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU would round to TF32: its convolutions by PyTorch's default, its products where somebody asked for it."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    before, seen = torch.get_float32_matmul_precision(), set()
    network = conv_net(scale=5).eval()

    def look(*_: object) -> None:
        seen.add((torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32))

    network.register_forward_pre_hook(look)
    torch.set_float32_matmul_precision("high")
    try:
        evaluate(network, split(), adversaries={"clean": Clean()})
        assert seen == {("highest", False)}
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("high", True)
    finally:
        torch.set_float32_matmul_precision(before)


def test_the_mean_of_one_image_is_written_without_an_interval() -> None:
    one, teacher = split(1), frozen_teacher(conv_net(seed=2, classes=4))
    found = evaluate(conv_net(classes=4), one, adversaries={"clean": Clean()}, teacher=teacher)
    row = found.to_json()
    assert row["agreement"]["gd"]["interval_95"] is None and row["agreement"]["gd"]["n"] == 1
    assert Evaluation.from_json(json.loads(json.dumps(row))) == found
