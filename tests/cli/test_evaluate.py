"""evaluate in full: curves, measures, attacks with budgets of their own, shards, and going on after an interruption."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustill.data import generator
from robustill.evaluation import batchwise
from robustill.results import Evaluation, RunDirectory
from robustill.train import train
from tests.small import archive, command, environment, process, small_run

DATA = "npz:d.npz"
RUN = RunDirectory(Path("runs/student"))
Outcome = tuple[dict[str, Any], dict[str, np.ndarray]]
THEIRS = """
import os, time

def darker(model, x, y):
    time.sleep(float(os.environ.get("SLOW", 0)))
    return (x - 8 / 255).clamp(0, 1)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a teacher, a student of one epoch, and a module with somebody else's attack."""
    root = tmp_path_factory.mktemp("world")
    archive(root / "d.npz")
    (root / "theirs.py").write_text(THEIRS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        train(small_run(DATA, epochs=1), Path("runs/teacher"))
        train(small_run(DATA, epochs=1, teacher="run:runs/teacher", method="RSLAD() + IGDM(alpha=1)"), RUN.path)
    return root


@pytest.fixture(autouse=True)
def _in_a_copy(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    shutil.copytree(world, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    monkeypatch.syspath_prepend(str(tmp_path / "world"))
    monkeypatch.delitem(sys.modules, "theirs", raising=False)
    monkeypatch.setenv("COLUMNS", "150")
    yield


def evaluate(*words: object) -> Evaluation:
    assert command("evaluate", RUN.path, *words) == 0
    return RUN.evaluations()["last"]


def left() -> list[str]:
    return sorted(path.name for path in (RUN.path / "evaluation").iterdir())


def parts() -> int:
    return len(list(RUN.parts("last").glob("*.npz")))


def outcome() -> Outcome:
    """The JSON and the arrays, the time and the command aside."""
    return replace(RUN.evaluations()["last"], seconds=0, environment={}).to_json(), RUN.arrays("last")


def assert_same_outcome(first: Outcome, second: Outcome) -> None:
    assert first[0] == second[0] and first[1].keys() == second[1].keys()
    for name, values in first[1].items():
        assert values.dtype == second[1][name].dtype and np.array_equal(values, second[1][name]), name


# What is measured


def test_a_curve_for_every_attack_over_the_budget() -> None:
    words = ["--attacks", "clean,pgd5,pgd5@L2(0.5)", "--eps", "2/255,4/255,0.05", "--budget", "Linf(4/255)"]
    found = evaluate(*words)
    assert list(found.accuracies) == ["clean", "pgd5", "pgd5@L2(0.5)"] and found.curves.keys() == {"pgd5"}
    points = found.curves["pgd5"]
    assert [point.radius for point in points] == [0, 2 / 255, 4 / 255, 0.05]
    correct = [point.accuracy.correct for point in points]
    assert correct == sorted(correct, reverse=True) and correct[0] == found.accuracies["clean"].correct
    row = found.to_json()["curves"]["pgd5"][1]
    assert (
        row["n"] == 40
        and row["adversary"].startswith("PGD(budget=Linf(2/255), steps=5, step_size=")
        and (row["interval_95"][0] <= row["accuracy"] <= row["interval_95"][1])
    )
    assert RUN.arrays("last")["withstood_pgd5"].tolist().count(4) == correct[-1]


def test_a_lone_network_sees_images_of_the_size_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("runs/teacher/checkpoints/last", "network")
    archive(Path("large.npz"), size=12)
    words = ["evaluate", "network", "--data", "npz:large.npz", "--attacks", "clean"]

    def shown() -> tuple[int, int, int] | None:
        return RunDirectory(Path("network")).evaluations()["model"].image_shape

    assert command(*words) == 0 and shown() == (1, 12, 12)
    assert command(*words, "--image_size", 8) == 0 and shown() == (1, 8, 8)
    assert command(*words, "--channels", 3) == 2
    assert "Found: 1 in file:network, 3 in npz:large.npz. Give --channels 1" in capsys.readouterr().err
    assert command(*words, "--image_size", 0) == 2
    assert "`image_size` must be a number of pixels" in capsys.readouterr().err


def test_the_distance_to_the_teacher_and_the_remainder() -> None:
    found = evaluate("--attacks", "clean", "--measures", "distance, remainder")
    assert list(found.measures) == [
        "distance_clean",
        "distance_uniform",
        "distance_adversarial",
        "remainder_uniform",
        "remainder_adversarial",
    ]
    text = found.measures["distance_adversarial"].text
    assert "PGD(budget=Linf(8/255), steps=20, step_size=4/255) climbs TeacherCleanKL() from Gaussian(0.001)" in text
    for name, mean in found.measures.items():
        assert mean.n == 40 == len(RUN.arrays("last")[name])
        assert mean.mean == pytest.approx(RUN.arrays("last")[name].astype(np.float64).mean())


def test_attacks_as_expressions_with_their_own_budgets_and_of_others() -> None:
    expression = "PGD(budget=Linf(8/255), steps=2, step_size=4/255)"
    names = ["clean", expression, "pgd2@L1(12)", "pgd2@L2(128/255)", "noise", "theirs:darker"]
    found = evaluate("--attacks", ",".join(names))
    assert list(found.accuracies) == names
    assert found.accuracies[expression].adversary == expression
    assert "budget=L1(12)" in found.accuracies["pgd2@L1(12)"].adversary
    assert "name='theirs:darker'" in found.accuracies["theirs:darker"].adversary
    assert RUN.arrays("last")[f"correct_{expression}"].sum() == found.accuracies[expression].correct


def test_found_on_a_surrogate() -> None:
    words = ["--attacks", "clean,vmi@Linf(16/255)", "--surrogate", "run:runs/teacher"]
    accuracy = evaluate(*words).accuracies["vmi@Linf(16/255)"]
    assert "budget=Linf(16/255)" in accuracy.adversary and "name='run:runs/teacher'" in accuracy.adversary


def test_what_the_table_has_no_room_for_is_said_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate("--attacks", "clean,pgd3", "--eps", "2/255,4/255", "--measures", "remainder")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("last, ")]
    assert len(lines) == 2 + 1 + 2  # worst classes, curve, measures; the best epoch is the last, and not told again
    row, remainder = found.to_json()["accuracies"]["clean"], found.measures["remainder_uniform"]
    assert f"clean: worst class {row['worst_class']}, " in lines[0] and lines[0].endswith("of 10 images")
    assert lines[2].startswith("last, pgd3 by radius: 0: ") and "; 2/255: " in lines[2] and "; 8/255: " in lines[2]
    assert f"remainder_uniform: {remainder.mean:.4g} ({remainder.interval[0]:.4g} to " in lines[3]


def test_every_accuracy_has_its_classes() -> None:
    row = evaluate("--attacks", "clean").to_json()["accuracies"]["clean"]
    assert [part["n"] for part in row["by_class"]] == [10] * 4
    assert row["worst_class"] in RUN.evaluations()["last"].classes


# Interrupted, killed, divided


WORDS = ["--attacks", "clean,pgd5,noise", "--eps", "2/255,16/255", "--measures", "distance", "--batch_size", "7"]


def test_shards_and_their_union_equal_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(*WORDS)
    whole = outcome()
    shutil.rmtree(RUN.path / "evaluation")
    for index in (3, 1, 2):
        assert command("evaluate", RUN.path, *WORDS, "--shard", f"{index}/3") == 0
        assert f"Shard {index} of 3 is done." in capsys.readouterr().out
        assert left() == ["last.parts"]
    assert parts() == 5 * 6  # clean, pgd5 with its curve, noise, distance, agreement; 6 batches of at most 7 of 40
    evaluate(*WORDS)
    assert_same_outcome(outcome(), whole)
    assert left() == ["best.json", "best.npz", "last.json", "last.npz"]


@pytest.mark.parametrize("batch", [1, 4, 17])
def test_an_interrupted_evaluation_goes_on(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate(*WORDS)
    whole = outcome()
    shutil.rmtree(RUN.path / "evaluation")
    seeds, honest = list[int](), generator

    def interrupted(*given: Any, **options: Any) -> Any:
        seeds.append(1)
        if len(seeds) == batch:
            raise KeyboardInterrupt
        return honest(*given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(batchwise, "generator", interrupted)
        assert command("evaluate", RUN.path, *WORDS) == 130
    assert parts() == batch - 1
    evaluate(*WORDS)
    assert_same_outcome(outcome(), whole)


def test_killed_from_outside_it_goes_on() -> None:
    words = ["--attacks", "clean,theirs:darker,pgd3", "--batch_size", "4", "--threads", "1"]
    evaluate(*words)
    whole = outcome()
    shutil.rmtree(RUN.path / "evaluation")
    slow = environment(SLOW="0.5")
    slow["PYTHONPATH"] += f":{Path.cwd()}"
    with subprocess.Popen(process("evaluate", RUN.path, *words), env=slow, stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 120
        while parts() < 13 and time.monotonic() < deadline:  # 10 of clean, 3 of the slow one
            time.sleep(0.05)
        running.send_signal(signal.SIGKILL)
    assert left() == ["last.parts"] and 13 <= parts() < 40
    evaluate(*words)
    assert_same_outcome(outcome(), whole)
    assert left() == ["best.json", "best.npz", "last.json", "last.npz"]


def test_how_to_go_on_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*given: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(batchwise, "generator", interrupted)
    assert command("evaluate", RUN.path) == 130
    assert "The same command goes on after its last finished batch." in capsys.readouterr().err


# Chance


def test_a_model_at_chance_is_attacked_at_length_only_by_force() -> None:
    shutil.copytree("runs/teacher/checkpoints/last", "network")
    archive(Path("shuffled.npz"), seed=1)
    with np.load("shuffled.npz") as arrays:
        turned = dict(arrays) | {"y_test": np.roll(arrays["y_test"], 1)}
    np.savez("shuffled.npz", **turned)
    words = ["evaluate", "network", "--data", "npz:shuffled.npz", "--attacks", "apgd-t"]
    assert command(*words) == 2 and not Path("network/evaluation").exists()
    assert command(*words, "--force", "--samples", "4") == 0
