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

from robustill.results import Z95, Accuracy, Evaluation, Mean, RunDirectory, wilson

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
    half = Z95 * math.sqrt(14 / 3) / 2
    assert mean.interval == pytest.approx((3 - half, 3 + half))


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


@pytest.mark.parametrize(
    "changes", [{}, {"agreement": {}, "teacher": None}, {"environment": {}, "classes": ()}], ids=str
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
