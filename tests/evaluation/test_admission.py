"""Bad input ends with a sentence before anything is measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Generator, nn

from robustill.attacks import PGD, VMIFGSM, Adversary, AutoAttack, Clean, Linf, Transfer
from robustill.data import Split
from robustill.evaluation import (
    Curve,
    Ledger,
    Measurement,
    Remainder,
    Shard,
    Under,
    adversaries_named,
    contribute,
    evaluate,
    plan,
)
from robustill.types import Images, Labels
from tests.evaluation.brief import Brief
from tests.evaluation.test_accuracy import coloured, linear_case
from tests.networks import Counting, Linear, conv_net, images, labels

CLEAN = {"clean": Clean()}


class Idle(Adversary):
    """Takes its time by its own account, and does nothing."""

    steps: int = 1000

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        return x


LONG = {"idle": Idle()}


def test_no_images() -> None:
    empty = Split(torch.zeros(0, 3, 6, 6, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"An evaluation needs at least one image\. Found: none\."):
        evaluate(conv_net(), empty, adversaries=CLEAN)


@pytest.mark.parametrize(("label", "found"), [(10, "10"), (255, "255"), (-1, "-1")])
def test_a_label_that_is_no_class_of_the_model(label: int, found: str) -> None:
    y = labels(50, 10)
    y[17] = label
    with pytest.raises(ValueError, match=rf"Labels must be from 0 to 9, the classes of the model\. Found: {found}\."):
        evaluate(conv_net(), Split(coloured().images, y), adversaries=CLEAN)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers(value: float) -> None:
    network = conv_net()
    nn.init.constant_(network.head.bias, value)
    with pytest.raises(ValueError, match=r"The model must give finite logits\. Found NaN or infinity on the first"):
        evaluate(network, coloured(), adversaries=LONG)


def test_a_teacher_on_another_device() -> None:
    with pytest.raises(
        ValueError, match=r"on one device\. Found: the model on cpu, another on meta\. Move one of them"
    ):
        evaluate(conv_net(), coloured(), adversaries=CLEAN, teacher=conv_net(seed=2).to("meta"))


@pytest.mark.parametrize("measured", ["curve", "remainder"])
def test_a_surrogate_on_another_device(measured: str) -> None:
    budget = Linf(8 / 255)
    transfer = Transfer(attack=VMIFGSM(budget=budget), surrogate=conv_net(seed=2).to("meta"), name="other")
    found: Measurement = (
        Curve(Under("vmi", transfer), (4 / 255,)) if measured == "curve" else Remainder(budget, transfer)
    )
    assert found.networks == (transfer.surrogate,)
    with pytest.raises(ValueError, match=r"on one device\. Found: the model on cpu, another on meta"):
        evaluate(conv_net(), coloured(), adversaries={}, more=[found])


@pytest.mark.parametrize(("scale", "shift"), [(1, -0.6), (1, 0.6), (255, 0), (float("nan"), 0)])
def test_pixels_of_another_range(scale: float, shift: float) -> None:
    x = scale * images(4, 3, 6, 6) + shift
    with pytest.raises(ValueError, match=r"Images must be in \[0, 1\]\. Found: values from .*normalise inside"):
        Under("clean", Clean())(conv_net(), x, labels(4, 10), torch.Generator())


def at_chance() -> tuple[Linear, Split]:
    """Ten classes, always the same answer: 10 % right."""
    network = Linear(torch.zeros(10, 16), torch.arange(10.0))
    pixels = torch.zeros(100, 1, 4, 4, dtype=torch.uint8)
    return network, Split(pixels, torch.arange(100) % 10)


def test_a_model_at_chance_is_not_attacked_for_hours(tmp_path: Path) -> None:
    network, split = at_chance()
    counting, sentence = Counting(network, len(split)), r"must be above chance, 10\.0%, .*Found: 10\.0% of 100 images"
    with pytest.raises(ValueError, match=sentence):
        evaluate(counting, split, adversaries={"aa": AutoAttack(budget=Linf(8 / 255))}, ledger=Ledger(tmp_path))
    assert counting.images == 1 + len(split) and not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="force=True"):
        contribute(network, split, Shard(1, 2), Ledger(tmp_path), plan(LONG))


def test_unless_it_is_wanted_or_short() -> None:
    network, split = at_chance()
    assert evaluate(network, split, adversaries=LONG, force=True).accuracies["idle"].correct == 10
    assert evaluate(network, split, adversaries=CLEAN).accuracies["clean"].correct == 10


def test_a_model_that_always_names_the_commonest_class_is_at_chance_too() -> None:
    network = Linear(torch.zeros(2, 16), torch.tensor([1.0, 0.0]))
    split = Split(torch.zeros(100, 1, 4, 4, dtype=torch.uint8), (torch.arange(100) < 20).long())
    with pytest.raises(ValueError, match=r"above chance, 80\.0%, .*Found: 80\.0%"):
        evaluate(network, split, adversaries=LONG)


def test_a_model_above_chance_is_attacked_without_a_word() -> None:
    network, split, _ = linear_case()
    assert evaluate(network, split, adversaries=LONG).accuracies["idle"].n == len(split)


def test_two_measurements_of_one_name() -> None:
    brief = Brief(budget=Linf(8 / 255))
    with pytest.raises(ValueError, match=r"a name of its own\. Found twice: aa\."):
        evaluate(conv_net(), coloured(), adversaries={"aa": brief}, more=[Under("aa", brief)])


class Buffered(nn.Module):
    """A network that has buffers and no parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(()))
        self.shift: torch.Tensor

    def forward(self, x: Images) -> torch.Tensor:
        return x.flatten(1)[:, :10] + self.shift


@pytest.mark.parametrize("network", [Buffered(), nn.Flatten()], ids=["buffers", "nothing"])
def test_a_network_without_parameters_is_measured_too(network: nn.Module) -> None:
    attack = PGD(budget=Linf(8 / 255), steps=1, step_size=8 / 255)
    assert evaluate(network, coloured(), adversaries=CLEAN | {"pgd": attack}).accuracies["pgd"].n == 50


def test_the_device_of_buffers_counts() -> None:
    with pytest.raises(ValueError, match=r"on one device\. Found: the model on cpu, another on meta"):
        evaluate(conv_net(), coloured(), adversaries=CLEAN, teacher=Buffered().to("meta"))


@pytest.mark.parametrize(
    ("attack", "classes", "message"),
    [
        ("apgd-t", 3, r"TargetedDLR requires at least 4 classes\. Found: 3\. Climb TargetedMargin\(\) instead"),
        ("apgd-dlr", 2, r"DLR requires at least 3 classes\. Found: 2\. Climb Margin\(\) instead"),
        ("autoattack", 1, r"AutoAttack requires a network of at least 2 classes\. Found: 1\."),
    ],
)
@pytest.mark.parametrize("curve", [False, True])
def test_too_few_classes_for_an_attack(attack: str, classes: int, message: str, curve: bool) -> None:
    split, told = Split(coloured().images, torch.zeros(50, dtype=torch.int64)), list[str]()
    adversaries = CLEAN | adversaries_named([attack], Linf(8 / 255))
    radii = {attack: (4 / 255,)} if curve else {}
    with pytest.raises(ValueError, match=message):
        evaluate(conv_net(classes=classes), split, adversaries=adversaries, radii=radii, force=True, tell=told.append)
    assert not told


def test_what_the_reference_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluated(classes: int) -> None:
        split = Split(coloured().images, torch.zeros(50, dtype=torch.int64))
        adversaries = CLEAN | {"aa": AutoAttack(budget=Linf(8 / 255), engine="reference")}
        evaluate(conv_net(classes=classes), split, adversaries=adversaries, force=True, tell=told.append)

    told = list[str]()
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises(ValueError, match=r"pyautoattack requires at least 10 classes.*Found: 4"):
        evaluated(4)
    with pytest.raises(ValueError, match=r"needs the package pyautoattack, which cannot be imported"):
        evaluated(10)
    assert not told


@pytest.mark.parametrize("count", [1, 5])
def test_a_model_that_is_right_on_all_of_one_class_is_attacked(count: int) -> None:
    network = Linear(torch.zeros(2, 16), torch.tensor([0.0, 1.0]))
    split = Split(torch.zeros(count, 1, 4, 4, dtype=torch.uint8), torch.ones(count, dtype=torch.int64))
    assert evaluate(network, split, adversaries=LONG).accuracies["idle"].correct == count


def test_of_one_class_half_the_images_are_chance() -> None:
    network = Linear(torch.zeros(2, 16), torch.tensor([1.0, 0.0]))
    split = Split(torch.zeros(50, 1, 4, 4, dtype=torch.uint8), torch.ones(50, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"above chance, 50\.0%, .*Found: 0\.0% of 50 images"):
        evaluate(network, split, adversaries=LONG)


def test_names_of_classes_that_the_model_has_not() -> None:
    told = list[str]()
    with pytest.raises(ValueError, match=r"classes must name the 10 classes of the model\. Found: 2 names\."):
        evaluate(conv_net(), coloured(), adversaries=CLEAN, classes=("a", "b"), tell=told.append)
    assert not told
