"""Checking a teacher: sound ones pass, and of the others it is said what is wrong and how they would be right."""

from __future__ import annotations

import doctest
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import robustill.teachers
from robustill.attacks import PGD, AutoAttack, Linf, Uniform
from robustill.component import in_full
from robustill.data import Dataset, load
from robustill.models import Normalize, load_model, save_model
from robustill.results import Accuracy, Evaluation, RunDirectory
from robustill.teachers import PRESETS, TeacherCheck, check_teacher
from robustill.teachers.expected import expected_of, meets
from robustill.teachers.presets import CIFAR10, CIFAR100, RAW, Constants
from tests.small import tensors
from tests.teachers.blocks import CLEAN, ROBUST, TEXT, blocks, model, world
from tests.teachers.checkpoints import saved, tiny_preset

IMAGENET = Constants((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BUDGET = Linf(8 / 255)
PGD20 = PGD(budget=BUDGET, steps=20, step_size=2 / 255, start=Uniform())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load(world(tmp_path_factory.mktemp("blocks") / "blocks.npz"))


Published = Callable[..., str]


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Published:
    """Puts weights into a file and gives the text that loads them by a preset, of which more facts may be said."""

    def publish(trained: Constants = RAW, given: Constants = RAW, **facts: object) -> str:
        known = {"architecture": TEXT, "constants": given, "clean": 100 * CLEAN, "autoattack": 55.0} | facts
        preset = tiny_preset(**known)
        monkeypatch.setitem(PRESETS, preset.key, preset)
        return f"file:{saved(tmp_path / 'blocks.pt', blocks(trained))}?preset={preset.key}"

    return publish


def described(folder: Path, trained: Constants, given: Constants) -> str:
    """The text of the same without a preset: nothing is known of its accuracy."""
    numbers = {"mean": given.mean, "std": given.std}
    query = "".join(f"&{name}={','.join(map(str, values))}" for name, values in numbers.items() if values)
    return f"file:{saved(folder / 'blocks.pt', blocks(trained))}?architecture={TEXT}{query}"


# Sound teachers


def test_a_sound_teacher(published: Published, dataset: Dataset) -> None:
    check = check_teacher(published(CIFAR10, CIFAR10, pgd=100 * ROBUST), dataset, samples=None)
    assert check.wrong == [] and check.notes == [] and check.better is None
    assert (check.clean.n, check.clean.accuracy, check.robust.accuracy) == (200, CLEAN, ROBUST)
    assert check.robust.adversary == in_full(PGD20)
    assert check.expected is not None and check.expected.source == "the preset cifar10/Tiny2024"
    assert (check.expected.clean, check.expected.robust, check.expected.autoattack) == (CLEAN, ROBUST, 0.55)
    assert check.parameters == 12 + 1 + 100 and check.config.mean == CIFAR10.mean
    assert 0 < check.uniform.mean < check.along.mean < 0.01 and check.linear
    footprint = check.footprint
    assert footprint.batch == 128 and min(footprint.forward, footprint.step) > 0
    assert footprint.weights == 4 * check.parameters
    assert 4 * 128 * 10 <= footprint.kept <= 4 * 128 * 10 * 50  # the means of the blocks at least, to be squared


def test_a_sample_is_stratified_and_repeats(published: Published, dataset: Dataset) -> None:
    text = published(pgd=100 * ROBUST)
    first, again = (check_teacher(text, dataset, samples=100, seed=3) for _ in range(2))
    assert first.clean.n == 100 and first.wrong == []
    assert replace(first, footprint=again.footprint) == again
    assert check_teacher(text, dataset, samples=10**6).clean.n == 200
    with pytest.raises(ValueError, match="between 1 and all 200 images of the split; asked for 0"):
        check_teacher(text, dataset, samples=0)


def test_the_work_is_told_as_shares(published: Published, dataset: Dataset) -> None:
    shares: list[float] = []
    check_teacher(published(), dataset, samples=100, batch_size=40, advance=shares.append)
    assert sum(shares) == pytest.approx(1) and len(shares) == 3


def test_checking_leaves_the_network_as_it_was(tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "own_teacher.py").write_text(
        "from tests.teachers.blocks import model\nmade = model()\ndef teacher():\n    return made\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        patch.delitem(sys.modules, "own_teacher", raising=False)
        check_teacher("py:own_teacher:teacher", dataset, samples=20)
        made = sys.modules["own_teacher"].made
    before, after = tensors(model()), tensors(made)
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert made.config.mean is None and not made.training
    assert all(parameter.grad is None for parameter in made.parameters())


def test_the_tutorial_runs() -> None:
    assert doctest.testmod(robustill.teachers).failed == 0


# Read otherwise than it was trained

READINGS = [
    (CIFAR10, RAW, r"the constants of cifar10 \(mean=0\.4914,0\.4822,0\.4465&std=0\.2471,0\.2435,0\.2616\)"),
    (IMAGENET, CIFAR10, r"the constants of imagenet \(mean=0\.485,0\.456,0\.406&std="),
    (RAW, CIFAR100, r"raw pixels \(no mean, no std\)"),
]


@pytest.mark.parametrize(("trained", "given", "words"), READINGS, ids=["missing", "other", "surplus"])
def test_another_normalisation_than_it_was_trained_with(
    trained: Constants, given: Constants, words: str, published: Published, dataset: Dataset, tmp_path: Path
) -> None:
    known = check_teacher(published(trained, given), dataset)
    assert known.expected is not None and not meets(known.clean, CLEAN)
    first, second, *_ = known.wrong
    assert first.startswith("Clean accuracy is ") and first.endswith("by the preset cifar10/Tiny2024 it is 90.00%.")
    unknown = check_teacher(described(tmp_path, trained, given), dataset)
    assert unknown.expected is None and "Nothing is known of its accuracy on npz:" in unknown.notes[0]
    for check, sentence in ((known, second), (unknown, unknown.wrong[-1])):
        assert re.fullmatch(f"With {words}.* clean accuracy would be 90.0%\\.", sentence), sentence
        assert check.better is not None and check.better.clean.accuracy == CLEAN


class Twice(nn.Module):
    """A network that normalises by itself, and once too often."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.net = Normalize(*CIFAR10), Normalize(*CIFAR10), model(CIFAR10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.net(self.second(self.first(x)))
        return logits


def test_a_network_of_your_own_that_normalises_twice(dataset: Dataset) -> None:
    check = check_teacher("py:tests.teachers.test_check:Twice", dataset)
    assert check.wrong[-1] == (
        "With a normalisation by the constants of cifar10 undone (it makes two) clean accuracy would be 90.0%."
    )


def test_classes_in_another_order(tmp_path: Path, published: Published, dataset: Dataset) -> None:
    text = published()
    saved(tmp_path / "blocks.pt", blocks(order=[1, 0, 2, 3, 4, 5, 7, 9, 8, 6]))
    for teacher in (text, f"file:{tmp_path / 'blocks.pt'}?architecture={TEXT}"):
        check = check_teacher(teacher, dataset)
        assert "With its classes in another order clean accuracy would be 90.0%." in check.wrong


# What no other reading explains


def test_no_better_than_chance(tmp_path: Path, dataset: Dataset) -> None:
    state = blocks() | {"linear.weight": torch.ones(10, 10)}
    text = f"file:{saved(tmp_path / 'dull.pt', state)}?architecture={TEXT}"
    check = check_teacher(text, dataset)
    assert check.better is None
    assert check.wrong == ["Clean accuracy is 10.0 % (6.6 to 14.9 %), no better than chance (10.0%)."]
    assert "It withstands the attack no better than by chance" in check.notes[1]


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"pgd": 75.0}, r"Under PGD-20 60\.0 % \(53\.\d to 66\.\d %\) stay correct; by the preset \S+ it is 75\.00%\."),
        (
            {"autoattack": 70.0},
            r".*, fewer than under AutoAttack, which is stronger; by the preset \S+ it is 70\.00%\.",
        ),
    ],
)
def test_another_robustness_than_published(
    facts: Mapping[str, float], sentence: str, published: Published, dataset: Dataset
) -> None:
    (found,) = check_teacher(published(**facts), dataset).wrong
    assert re.fullmatch(sentence, found), found


def test_on_another_budget_only_clean_accuracy_is_expected(published: Published, dataset: Dataset) -> None:
    check = check_teacher(published(pgd=100 * ROBUST), dataset, budget=Linf(2 / 255))
    assert check.wrong == [] and check.robust.accuracy == CLEAN
    assert check.expected is not None and (check.expected.robust, check.expected.autoattack) == (None, None)


def test_a_teacher_that_is_not_linear_is_no_fault_but_noted(published: Published, dataset: Dataset) -> None:
    check = check_teacher(published(), dataset, budget=Linf(0.4))
    assert check.wrong == [] and not check.linear
    assert check.notes[-1] == "It is not locally linear (remainder above 0.05): IGDM with it is likely to hurt."


def test_logits_that_are_not_finite(tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "endless_teacher.py").write_text(
        "import torch\nfrom tests.teachers.blocks import model\n"
        "def teacher():\n    net = model()\n    net.get_parameter('net.level').data.fill_(1e30)\n    return net\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        patch.delitem(sys.modules, "endless_teacher", raising=False)
        with pytest.raises(ValueError, match=r"A teacher must give finite logits. Found NaN or infinity on images as"):
            check_teacher("py:endless_teacher:teacher", dataset)


def test_a_teacher_of_other_images_is_refused(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match=r"Teacher and data must have the same channels\. Found: 1 in demo, 3 in npz:"):
        check_teacher("demo", dataset)


# What is known


def evaluation(data: str, **accuracies: Accuracy) -> Evaluation:
    return Evaluation(
        model="model",
        parameters=1,
        data=data,
        split="test",
        classes=(),
        accuracies=accuracies,
        batch_size=1,
        seed=0,
        seconds=0.0,
    )


def full_evaluation(data: str) -> Evaluation:
    return evaluation(
        data,
        clean=Accuracy(adversary="Clean()", n=200, correct=180),
        pgd20=Accuracy(adversary=in_full(PGD20), n=200, correct=120),
        autoattack=Accuracy(adversary=in_full(AutoAttack(budget=BUDGET)), n=200, correct=110),
    )


def checked(text: str, dataset: Dataset) -> TeacherCheck:
    return check_teacher(text, dataset, samples=100)


def test_the_evaluation_of_a_checkpoint(tmp_path: Path, dataset: Dataset) -> None:
    save_model(tmp_path / "net", model())
    RunDirectory(tmp_path / "net").save_evaluation("model", full_evaluation(dataset.name))
    for text in (f"file:{tmp_path / 'net'}", f"file:{tmp_path / 'net' / 'model.safetensors'}"):
        expected = checked(text, dataset).expected
        assert expected is not None and expected.source == "its evaluation"
        assert (expected.clean, expected.robust, expected.autoattack) == (0.9, 0.6, 0.55)


def test_the_evaluation_of_a_run_is_that_of_the_epoch_that_is_taken(tmp_path: Path, dataset: Dataset) -> None:
    run = RunDirectory(tmp_path / "run")
    save_model(run.checkpoint("last"), model(CIFAR10))
    run.save_evaluation("last", evaluation(dataset.name, clean=Accuracy(adversary="Clean()", n=200, correct=10)))
    save_model(run.checkpoint("best"), model())
    run.save_evaluation("best", full_evaluation(dataset.name))
    for text, clean in ((f"run:{run.path}", 0.9), (f"file:{run.checkpoint('last')}", 0.05)):
        expected = checked(text, dataset).expected
        assert expected is not None and expected.clean == clean


def test_an_evaluation_without_these_attacks_says_what_it_knows(tmp_path: Path, dataset: Dataset) -> None:
    save_model(tmp_path, model())
    found = evaluation(dataset.name, pgd20=Accuracy(adversary=in_full(replace(PGD20, steps=10)), n=9, correct=1))
    RunDirectory(tmp_path).save_evaluation("model", found)
    check = checked(f"file:{tmp_path}", dataset)
    assert check.expected is not None and (check.expected.clean, check.expected.robust) == (None, None)
    assert check.wrong == [] and "Nothing is known" in check.notes[0]


@pytest.mark.parametrize("data", [None, "npz:others.npz"], ids=["none", "of other images"])
def test_without_an_evaluation_of_these_images_nothing_is_known(
    data: str | None, tmp_path: Path, dataset: Dataset
) -> None:
    save_model(tmp_path, model())
    if data is not None:
        RunDirectory(tmp_path).save_evaluation("model", full_evaluation(data))
    assert expected_of(f"file:{tmp_path}", dataset.name, PGD20, BUDGET) is None
    assert load_model(tmp_path).config.architecture == TEXT


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_evaluation_is_named(content: str, tmp_path: Path, dataset: Dataset) -> None:
    save_model(tmp_path, model())
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "model.json").write_text(content)
    with pytest.raises(ValueError, match=r"evaluation holds a file that robustill did not write or that is damaged \("):
        expected_of(f"file:{tmp_path}", dataset.name, PGD20, BUDGET)
