"""What a run leaves behind: intervals against published values, JSON and back, reading what is there or missing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustill.results import Z95, Accuracy, Evaluation, Mean, Point, RunDirectory, bootstrap, wilson

# Intervals


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [  # Newcombe, Two-sided confidence intervals for the single proportion (1998), Table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_published_intervals(correct: int, n: int, low: float, high: float) -> None:
    assert wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_wilson_solves_the_score_equation(n: int, share: float) -> None:
    correct = round(share * n)
    for bound in wilson(correct, n):
        if 0 < bound < 1:
            score = (correct / n - bound) / math.sqrt(bound * (1 - bound) / n)
            assert abs(score) == pytest.approx(Z95, rel=1e-6)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_wilson_holds_the_share_and_mirrors(n: int, share: float) -> None:
    correct = round(share * n)
    low, high = wilson(correct, n)
    assert 0 <= low <= correct / n <= high <= 1
    assert wilson(n - correct, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_a_mean_with_its_interval() -> None:
    mean = Mean.of(np.array([1.0, 2.0, 3.0, 6.0]))
    assert (mean.n, mean.mean) == (4, 3.0)
    assert mean.std == pytest.approx(math.sqrt(14 / 3))
    assert mean.resampled == mean.interval and 1 <= mean.interval[0] < 3 < mean.interval[1] <= 6


def test_a_mean_that_was_not_resampled_has_the_normal_interval() -> None:
    half = Z95 * 2 / math.sqrt(25)
    assert Mean(n=25, mean=3.0, std=2.0).interval == pytest.approx((3 - half, 3 + half))


def test_the_bootstrap_is_the_normal_interval_where_that_holds_and_repeats() -> None:
    values = np.random.default_rng(1).normal(5, 2, 2000)
    mean = Mean.of(values)
    normal = Mean(n=mean.n, mean=mean.mean, std=mean.std).interval
    assert mean.interval == pytest.approx(normal, abs=0.02)
    assert bootstrap(values) == mean.interval


def test_the_bootstrap_leans_where_the_numbers_do() -> None:
    values = np.random.default_rng(1).lognormal(0, 1.5, 40)
    (low, high), mean = bootstrap(values), values.mean()
    assert values.min() < low < mean < high < values.max() and high - mean > mean - low


def test_a_single_value_has_no_spread() -> None:
    assert Mean.of(np.array([2.0])) == Mean(n=1, mean=2.0, std=0.0)


def test_an_accuracy_is_a_share() -> None:
    accuracy = Accuracy(adversary="Clean()", n=200, correct=150)
    assert accuracy.accuracy == 0.75 and accuracy.interval == wilson(150, 200)


# JSON


def evaluation(**changes: Any) -> Evaluation:
    values: dict[str, Any] = {
        "model": "last",
        "parameters": 426,
        "data": "npz:photos.npz",
        "split": "test",
        "classes": ("cat", "Öl", "数"),
        "accuracies": {
            "clean": Accuracy(adversary="Clean()", n=40, correct=31),
            "pgd20": Accuracy(adversary="PGD(budget=Linf(8/255), steps=20, step_size=2/255)", n=40, correct=20),
        },
        "agreement": {"gd": Mean(n=40, mean=0.5, std=0.1), "gc": Mean(n=40, mean=-0.25, std=0.3)},
        "teacher": "run:runs/teacher",
        "batch_size": 16,
        "seed": 3,
        "seconds": 1.25,
        "environment": {"torch": "2.13.0", "threads": 1},
        "arrays": {"correct_clean": np.array([True, False]), "gallery_x": np.zeros((2, 1, 4, 4), np.float32)},
    }
    return Evaluation(**{**values, **changes})


STAGED = Accuracy(adversary="AutoAttack()", n=40, correct=20, stages={"clean": 30, "apgd-ce": 20})
BY_CLASS = Accuracy(adversary="PGD()", n=40, correct=20, by_class=((20, 15), (20, 5), (0, 0)))
POINTS = (Point(radius=0.0, accuracy=STAGED), Point(radius=8 / 255, accuracy=STAGED))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"agreement": {}, "teacher": None},
        {"environment": {}, "classes": ()},
        {"accuracies": {"aa": STAGED}},
        {"accuracies": {"pgd20": BY_CLASS}},
        {"accuracies": {"pgd20": BY_CLASS}, "classes": ()},
        {"measures": {"distance_clean": Mean.of(np.array([1.0, 2.0, 4.0]), "L2 distance")}},
        {"agreement": {"gd": Mean.of(np.array([1.0]))}},
        {"curves": {"pgd20": POINTS}},
    ],
    ids=lambda changes: "-".join(changes) or "plain",
)
def test_json_and_back(changes: dict[str, Any]) -> None:
    made = evaluation(**changes)
    assert Evaluation.from_json(json.loads(json.dumps(made.to_json(), allow_nan=False))) == made


def test_json_says_shares_and_intervals_for_readers_that_are_not_this_class() -> None:
    row = evaluation().to_json()
    assert row["accuracies"]["pgd20"] == {
        "adversary": "PGD(budget=Linf(8/255), steps=20, step_size=2/255)",
        "n": 40,
        "correct": 20,
        "accuracy": 0.5,
        "interval_95": list(wilson(20, 40)),
    }
    assert row["agreement"]["gd"].keys() == {"n", "mean", "std", "interval_95"}


def test_every_class_is_named_and_the_worst_of_those_with_images() -> None:
    row = evaluation(accuracies={"pgd20": BY_CLASS}).to_json()["accuracies"]["pgd20"]
    assert row["worst_class"] == "Öl" and BY_CLASS.worst_class == 1
    assert row["by_class"][1] == {
        "class": "Öl",
        "n": 20,
        "correct": 5,
        "accuracy": 0.25,
        "interval_95": list(wilson(5, 20)),
    }
    assert row["by_class"][2] == {"class": "数", "n": 0, "correct": 0}
    nameless = evaluation(accuracies={"pgd20": BY_CLASS}, classes=()).to_json()["accuracies"]["pgd20"]
    assert nameless["worst_class"] == "1"
    assert STAGED.worst_class is None


def test_a_point_says_its_radius_beside_its_accuracy() -> None:
    (first, second) = evaluation(curves={"pgd20": POINTS}).to_json()["curves"]["pgd20"]
    assert first["radius"] == 0 and second["radius"] == 8 / 255
    assert second["interval_95"] == list(wilson(20, 40)) and second["accuracy"] == 0.5


def test_a_mean_says_how_its_interval_was_made_and_what_it_is_of() -> None:
    made = Mean.of(np.array([1.0, 2.0, 4.0]), "L2 distance")
    assert made.to_json()["interval_by"] == "bootstrap, 1,000 resamples" and made.to_json()["text"] == "L2 distance"
    assert made.to_json()["interval_95"] == list(made.interval)


BENCHMARKS = Path(__file__).parents[1] / "benchmarks" / "results"


@pytest.mark.parametrize("folder", ["cifar10", "demo", "larger_budget"])
def test_results_of_before_still_load(folder: str) -> None:
    """They have neither curves nor classes, and say the same again."""
    files = [file for file in sorted((BENCHMARKS / folder).glob("*.json")) if file.stem != "linearity"]
    assert files
    for file in files:
        row = json.loads(file.read_text(encoding="utf-8"))
        found = Evaluation.from_json(row)
        assert not found.curves and not found.measures
        again = found.to_json()
        for name, accuracy in row["accuracies"].items():
            assert again["accuracies"][name] == accuracy
        for name, mean in row["agreement"].items():
            assert again["agreement"][name] == {**mean, "interval_95": pytest.approx(mean["interval_95"])}


# The directory


def test_an_evaluation_is_saved_and_read(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.save_evaluation("last", evaluation())
    assert run.evaluations() == {"last": evaluation()}
    arrays = run.arrays("last")
    assert arrays.keys() == {"correct_clean", "gallery_x"} and arrays["correct_clean"].tolist() == [True, False]
    assert "数" in (tmp_path / "run" / "evaluation" / "last.json").read_text(encoding="utf-8")
    run.save_evaluation("last", evaluation(seed=4))
    assert run.evaluations()["last"].seed == 4
    assert sorted(file.name for file in (tmp_path / "run" / "evaluation").iterdir()) == ["last.json", "last.npz"]


def test_what_is_missing_reads_as_empty(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "nowhere")
    assert (run.settings(), run.protocol(), run.environment(), run.metrics()) == ({}, [], {}, [])
    assert (run.evaluations(), run.arrays("last")) == ({}, {})


def test_a_torn_last_row_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n{"epo')
    assert RunDirectory(tmp_path).metrics() == [{"epoch": 1}, {"epoch": 2}]


@pytest.mark.parametrize("text", ["[1, 2", "- a\n- b\n", ""])
def test_damaged_settings_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"run\.yaml"):
        RunDirectory(tmp_path).settings()


def test_arrays_are_not_unpickled(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    np.savez(tmp_path / "evaluation" / "last.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        RunDirectory(tmp_path).arrays("last")
