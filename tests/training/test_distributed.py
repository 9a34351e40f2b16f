"""Two processes of torchrun against one: the same data, gradients, weights, verdicts; and one that dies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robustill.prepare import prepare
from robustill.results import RunDirectory
from robustill.team import Team
from robustill.train import read_run
from robustill.training.checkpoint import read_state
from robustill.validation import validate
from tests.small import archive, assert_same, command, environment, flags
from tests.training.together import BATCH, CASES, IMAGES, batch_norm, failed, student, trained

ROOT = Path(__file__).parents[2]
EVALUATED = ["--samples", 10, "--batch_size", 4, "--attacks", "clean,pgd3,autoattack-quick", "--force"]


def torchrun(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Two processes of ``python -m`` some module; options are torchrun's."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    together = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", *flags, "-m", *map(str, words)]
    found = environment(OMP_NUM_THREADS="1", COLUMNS="200")
    found["PYTHONPATH"] += os.pathsep + str(ROOT)
    return subprocess.run(together, env=found, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose second process dies twice, then everything that two processes do."""
    root = tmp_path_factory.mktemp("two")
    data, diary = archive(root / "d.npz"), root / "diary"
    settings = {
        "epochs": 4,
        "batch_size": 48,
        "augmentation": f"tests.training.together:Fatal(padding=1, at=10, deaths=2, diary={str(diary)!r})",
        "average": "EMA(decay=0.9)",
        "perturbation": "AWP(gamma=0.01)",
        "precision": "bfloat16",
        "accumulate": 2,
        "threads": 1,
    }
    diary.write_text("")
    died = torchrun("robustill", "train", *flags(data, **settings, output=root / "torn"), max_restarts=1)
    (root / "died.txt").write_text(f"{died.returncode}\n{died.stdout}\n{died.stderr}")
    shutil.copytree(root / "torn", root / "as it died")
    commands: list[list[object]] = [
        ["train", *flags(data, **settings, output=root / "whole"), "--profile"],
        ["train", "--resume", root / "torn"],
        ["evaluate", root / "whole", *EVALUATED, "--teacher", f"file:{root / 'as it died' / 'checkpoints' / 'last'}"],
    ]
    (root / "commands.txt").write_text("\n".join("\t".join(map(str, words)) for words in commands))
    lived = torchrun("tests.training.together", root)
    assert lived.returncode == 0, lived.stderr
    (root / "lived.txt").write_text(lived.stdout + lived.stderr)
    return root


@pytest.fixture(scope="module")
def outcomes(world: Path) -> list[dict[str, Any]]:
    return [torch.load(world / f"outcome-{rank}.pt", weights_only=False) for rank in (0, 1)]


# One process against two


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_weights_are_those_of_one_process(name: str, outcomes: list[dict[str, Any]]) -> None:
    alone = trained(CASES[name], Team())
    assert len(alone["gradients"]) == 2 * 4
    for outcome in outcomes:
        found = outcome["cases"][name]
        for ours, theirs in zip(found["gradients"], alone["gradients"], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
        assert found["losses"] == pytest.approx(alone["losses"], rel=1e-9)
        torch.testing.assert_close(found["weights"], alone["weights"], rtol=1e-6, atol=1e-9)
    assert_same(outcomes[0]["cases"][name]["weights"], outcomes[1]["cases"][name]["weights"])


def test_in_parts_the_gradient_is_that_of_the_whole_batch() -> None:
    case = CASES["AWP in parts, SWA"]
    parts, whole = trained(case, Team()), trained({**case, "accumulate": 1}, Team())
    assert [len(x) for x, _ in parts["seen"][:7]] == [2, 2, 2, 2, 2, 2, 1]
    for ours, theirs in zip(parts["gradients"], whole["gradients"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


def test_the_union_of_what_two_processes_see_is_what_one_sees(outcomes: list[dict[str, Any]]) -> None:
    """Images, their augmentation and the noise of their attack; the last batch has one, and one process so none."""
    name = "RSLAD + IGDM"
    alone = trained(CASES[name], Team())["seen"]
    first, second = (outcome["cases"][name]["seen"] for outcome in outcomes)
    assert len(first) == len(alone) == 2 * 4 and len(second) == 2 * 3
    theirs = iter(second)
    for whole, own in zip(alone, first, strict=True):
        other = next(theirs) if len(whole[0]) > 1 else [part[:0] for part in own]
        for images, a, b in zip(whole, own, other, strict=True):
            together = torch.empty_like(images)
            together[0::2], together[1::2] = a, b
            torch.testing.assert_close(together, images, rtol=0, atol=1e-12)


def test_running_averages_are_the_mean_over_the_processes(outcomes: list[dict[str, Any]]) -> None:
    first, second = (outcome["BatchNorm"] for outcome in outcomes)
    assert_same(first, second)
    alone = batch_norm(Team())
    assert first["body.1.num_batches_tracked"] == alone["body.1.num_batches_tracked"] == -(-IMAGES // BATCH)
    # The first layer sees the same images whatever the weights: the mean of the halves' means is the batch's mean
    assert not torch.equal(first["body.1.running_mean"], student(still=False).state_dict()["body.1.running_mean"])
    torch.testing.assert_close(first["body.1.running_mean"], alone["body.1.running_mean"], rtol=0.2, atol=0.02)


def test_a_batch_that_is_not_finite_is_told_and_kept_whole(outcomes: list[dict[str, Any]]) -> None:
    """NaN is in the second process's images only."""
    alone = failed(Team())
    for outcome in outcomes:
        assert outcome["failed"]["sentence"] == alone["sentence"] and "step 2: the images" in alone["sentence"]
        assert outcome["failed"]["images"].isnan().flatten(1).all(1).tolist() == [False, False, True, True]


# A process dies


def test_a_death_is_told_in_one_sentence(world: Path) -> None:
    status, *lines = (world / "died.txt").read_text().splitlines()
    assert status != "0"
    sentence = (
        "Process 1 of 2, counted from 0, died or does not answer, so the others stopped. "
        "A run goes on from its last checkpoint with: robustill train --resume DIRECTORY"
    )
    assert lines.count(sentence) == 2  # it died twice
    assert not [line for line in lines if "RuntimeError" in line or "Connection closed" in line]


def test_torchrun_starts_again_and_the_run_goes_on(world: Path) -> None:
    """Killed in the second epoch, torchrun's restart went on after the first, to the second death in the fourth."""
    printed = (world / "died.txt").read_text()
    assert printed.count("Started anew by torchrun: the run in") == 1
    epochs = [line.split(":")[0] for line in printed.splitlines() if line.startswith("epoch")]
    assert epochs == ["epoch   1/4", "epoch   2/4", "epoch   3/4"]
    assert [row["epoch"] for row in RunDirectory(world / "as it died").metrics()] == [1, 2, 3]


def test_a_run_that_died_twice_equals_one_that_did_not(world: Path) -> None:
    torn, whole = RunDirectory(world / "torn"), RunDirectory(world / "whole")
    for name in ("last", "best"):
        first, second = (run.checkpoint(name) / "model.safetensors" for run in (torn, whole))
        assert first.read_bytes() == second.read_bytes()
    assert_same(torn.metrics(), whole.metrics())
    states = [read_state(run.checkpoints, ("fit",))[0] for run in (torn, whole)]
    for state in states:
        assert state is not None
        state["fit"].pop("sums")
    assert_same(states[0], states[1])


# Validation and evaluation


def test_validation_by_two_processes_is_that_of_one(world: Path) -> None:
    whole = RunDirectory(world / "whole")
    setting = prepare(read_run(whole.settings_file))
    state, _ = read_state(whole.checkpoints, ("fit",))
    assert state is not None
    averaged = {k.removeprefix("module."): v for k, v in state["fit"]["averaged"].items() if k != "n_averaged"}
    setting.student.load_state_dict(averaged)
    row = whole.metrics()[-1]
    assert {name: row[name] for name in row if name in ("validation_robust", "validation_clean", "remainder")} == (
        validate(setting, setting.student)
    )


def test_evaluation_by_two_processes_is_that_of_one(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "whole", tmp_path / "whole")
    shutil.rmtree(tmp_path / "whole" / "evaluation")
    teacher = f"file:{world / 'as it died' / 'checkpoints' / 'last'}"
    assert command("evaluate", tmp_path / "whole", *EVALUATED, "--teacher", teacher) == 0
    one, two = RunDirectory(tmp_path / "whole"), RunDirectory(world / "whole")
    assert set(one.evaluations()) == set(two.evaluations()) >= {"last", "best"}
    for name, evaluation in one.evaluations().items():
        ours, theirs = (replace(e, seconds=0, environment={}) for e in (evaluation, two.evaluations()[name]))
        assert ours.to_json() == theirs.to_json()
        assert set(ours.accuracies) == {"clean", "pgd3", "autoattack-quick"} and set(ours.agreement) == {"gd", "gc"}
        for key, values in one.arrays(name).items():
            assert (values == two.arrays(name)[key]).all(), key
    assert sorted(path.name for path in (two.path / "evaluation").iterdir()) == sorted(
        path.name for path in (one.path / "evaluation").iterdir()
    )


def test_one_process_prints(world: Path) -> None:
    printed = (world / "lived.txt").read_text()
    assert printed.count("The run is in") == 2 and printed.count("epoch   1/4") == 1
    assert RunDirectory(world / "whole").profile_file.is_file()  # --profile, of what both do


# Bad input


def test_bad_input_is_told_once(tmp_path: Path) -> None:
    done = torchrun("robustill", "train", "--student", "SmallCNN()", "--batch_size", "1", "--output", tmp_path / "run")
    assert done.returncode != 0 and not (tmp_path / "run").exists()
    said = [line for line in done.stderr.splitlines() if "error: " in line]
    assert said == [
        "robustill train: error: batch_size must be at least 2, an image for each of 1 parts (accumulate) in 2 "
        "processes. Found: 1."
    ]
    assert done.stderr.count("exitcode  : 2") >= 1
