"""The adversaries by what is written on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from robustill.attacks import (
    APGD,
    FGSM,
    L1,
    L2,
    PGD,
    VMIFGSM,
    Adversary,
    Ascent,
    AutoAttack,
    Budget,
    Clean,
    Foreign,
    Linf,
    Margin,
    Transfer,
    Uniform,
    UniformNoise,
)
from robustill.evaluation import Surrogate, Under, adversaries_named, measure_batches, split_names, standard_adversaries
from robustill.evaluation.adversaries import NAMED
from tests.evaluation.test_accuracy import coloured
from tests.networks import conv_net

BUDGET = Linf(8 / 255)


def named(name: str) -> Adversary:
    (adversary,) = adversaries_named([name], BUDGET).values()
    return adversary


def test_the_standard_ones_are_those_of_the_papers() -> None:
    assert standard_adversaries(Linf(8 / 255)) == {
        "clean": Clean(),
        "pgd20": PGD(budget=Linf(8 / 255), steps=20, step_size=2 / 255, start=Uniform()),
    }


def test_any_number_of_steps_in_any_budget_in_the_order_of_the_names() -> None:
    found = adversaries_named(["pgd100", " clean", "pgd7 "], L2(0.5))
    assert list(found) == ["pgd100", "clean", "pgd7"]
    assert found["pgd7"] == PGD(budget=L2(0.5), steps=7, step_size=0.125, start=Uniform())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("noise", UniformNoise(budget=BUDGET)),
        ("noise100", UniformNoise(budget=BUDGET, draws=100)),
        ("pgd20@L1(12)", PGD(budget=L1(12), steps=20, step_size=3.0, start=Uniform())),
        ("pgd20@L2(128/255)", PGD(budget=L2(128 / 255), steps=20, step_size=32 / 255, start=Uniform())),
        ("cw5x3@L2(0.5)", Ascent),
        ("autoattack@L2(0.5)", AutoAttack(budget=L2(0.5))),
        ("apgd-ce @ L1(12)", APGD(budget=L1(12))),
        ("FGSM(budget=Linf(4/255))", FGSM(budget=Linf(4 / 255))),
        ("Ascent(attack=PGD(budget=L2(0.5), step_size=0.1), loss=Margin(), restarts=2)", Ascent),
    ],
)
def test_what_can_be_written(name: str, expected: Adversary | type[Adversary]) -> None:
    found = named(name)
    assert found == expected or type(found) is expected
    if isinstance(found, Ascent):
        assert found.loss == Margin() and isinstance(found.attack, PGD) and found.attack.budget == L2(0.5)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("budget", [BUDGET, L2(0.5), L1(12)])
def test_every_short_name_searches_every_ball(name: str, budget: Budget) -> None:
    found = adversaries_named([name], budget)[name]
    assert getattr(found, "budget", budget) == budget


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("clean,pgd20", ["clean", "pgd20"]),
        ("PGD(budget=L2(0.5), step_size=0.1),clean", ["PGD(budget=L2(0.5), step_size=0.1)", "clean"]),
        ("a(b=(1, 2), c='x,('),d", ["a(b=(1, 2), c='x,(')", "d"]),
        ("pgd20@L1(12)", ["pgd20@L1(12)"]),
        ("", [""]),
        ("clean,,fgsm", ["clean", "", "fgsm"]),
    ],
)
def test_commas_inside_brackets_divide_nothing(text: str, names: list[str]) -> None:
    assert split_names(text) == names


@pytest.mark.parametrize("name", ["pgd", "pgd0", "pgd-20", "PGD20", "", "fgsm?"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"an attack named clean or pgdN, such as pgd20\. Found: '"):
        adversaries_named([name], Linf(8 / 255))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pgd20@L3(1)", "No component is called 'L3'"),
        ("pgd20@clean", "No component is called 'clean'"),
        ("pgd20@", "Cannot read ''"),
        ("PGD(budget=Linf(8), step_size=1)", r"Did you mean Linf\(8/255\)"),
        ("PGDAT()", "Required: a Adversary"),
        ("PGD(budget=Linf(8/255)", "Cannot read"),
        ("vmi", r"vmi is found on another network\. Found: none\. Name it, with --surrogate run:DIRECTORY"),
        ("nowhere.at_all:attack", "Cannot import 'nowhere.at_all' .* Is its folder in PYTHONPATH"),
        ("json:decoder", r"json:decoder must be a function of \(model, x, y\), or an adversary\. Found: <module"),
        ("json:nothing", r"json:nothing must be a function .* Found: None"),
    ],
)
def test_what_cannot_be_understood(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        named(name)


def test_found_on_a_surrogate() -> None:
    surrogate = Surrogate(conv_net(seed=2), "run:runs/other")
    found = adversaries_named(["vmi@Linf(16/255)"], BUDGET, surrogate=surrogate)["vmi@Linf(16/255)"]
    assert isinstance(found, Transfer) and found.surrogate is surrogate.network
    assert found.attack == VMIFGSM(budget=Linf(16 / 255))
    under = Under("vmi", found)
    assert under.networks == (surrogate.network,)
    assert "name='run:runs/other'" in under.text and "samples=20" in under.text and "conv" not in under.text.lower()


def test_a_surrogate_or_an_engine_without_work_is_refused() -> None:
    with pytest.raises(ValueError, match=r"A surrogate is for vmi\. Found: clean, pgd20\."):
        adversaries_named(["clean", "pgd20"], BUDGET, surrogate=Surrogate(conv_net(), "other"))
    with pytest.raises(ValueError, match=r"An engine is for autoattack\. Found: pgd20\."):
        adversaries_named(["pgd20"], BUDGET, engine="reference")
    with pytest.raises(ValueError, match=r"AutoAttack requires an engine of ours, reference\. Found: 'theirs'"):
        adversaries_named(["autoattack"], BUDGET, engine="theirs")


def test_the_engine_is_that_of_every_autoattack() -> None:
    found = adversaries_named(["clean", "autoattack", "autoattack-quick@L2(0.5)"], BUDGET, engine="reference")
    assert found["autoattack"] == AutoAttack(budget=BUDGET, engine="reference")
    assert found["autoattack-quick@L2(0.5)"] == AutoAttack(budget=L2(0.5), version="quick", engine="reference")
    assert found["clean"] == Clean()


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of somebody else's."""
    lines = [
        "from robustill.attacks import PGD",
        "def darker(model, x, y):",
        "    return (x - 4 / 255).clamp(0, 1)",
        "class Mine(PGD):",
        "    strength: float = 1.0",
    ]
    (tmp_path / "their_attacks.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_attacks", raising=False)
    return "their_attacks"


def test_somebody_elses_function(theirs: str) -> None:
    found = named(f"{theirs}:darker@L2(9)")
    assert isinstance(found, Foreign) and (found.name, found.budget) == (f"{theirs}:darker", L2(9))
    flags = measure_batches(conv_net(), coloured(), Under("darker", found))["correct_darker"]
    shifted = coloured().images.int().sub(4).clamp(0).to(torch.uint8)
    images = type(coloured())(shifted, coloured().labels)
    assert flags.tolist() == measure_batches(conv_net(), images, Under("clean", Clean()))["correct_clean"].tolist()


def test_somebody_elses_component(theirs: str) -> None:
    name = f"{theirs}:Mine(budget=Linf(8/255), step_size=2/255, strength=2)"
    assert repr(named(name)) == name
