"""A run from its first file to its last: what is written, what is kept, what is chosen, and when nothing is touched."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import robustill.train
import robustill.validation
from robustill.attacks import PGD, Attack, Clean, Linf
from robustill.data import Split, load
from robustill.evaluation import correct_under
from robustill.files import reserved
from robustill.models import load_model, read_entries
from robustill.prepare import check_alone, prepare
from robustill.results import RunDirectory
from robustill.train import read_run, resume, train
from robustill.training.checkpoint import states
from robustill.validation import validation_attack
from tests.small import archive, assert_same, small_run, tensors

VALIDATED = {"validation_robust", "validation_clean", "remainder"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return archive(tmp_path_factory.mktemp("data") / "d.npz")


@pytest.fixture(scope="module")
def done(data: str, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished run that no test changes, on a machine where one thread is the fastest."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("robustill.prepare.choose_threads", lambda: 1)
        return train(small_run(data, epochs=4, average="EMA(decay=0.9)"), tmp_path_factory.mktemp("runs") / "done")


def files(directory: Path) -> list[str]:
    return sorted(str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file())


# What is written


def test_the_directory_of_a_run(done: RunDirectory) -> None:
    checkpoints = [
        f"checkpoints/{name}/{file}" for name in ("best", "last") for file in ("config.json", "model.safetensors")
    ]
    last_two = [str(file.relative_to(done.path)) for file in reversed(states(done.checkpoints))]
    assert [name.rpartition("-")[0] for name in last_two] == ["checkpoints/state-0003", "checkpoints/state-0004"]
    expected = [*checkpoints, *last_two, "environment.json", "metrics.jsonl", "protocol.json", "run.yaml"]
    assert files(done.path) == expected


def test_run_yaml_is_resolved_and_complete(done: RunDirectory, data: str) -> None:
    run = read_run(done.settings_file)
    asked = small_run(data, epochs=4, average="EMA(decay=0.9)")
    assert run == replace(asked, device="cpu", threads=1, cuda_graphs=False)
    assert run.precision != "auto"
    assert set(yaml.safe_load(done.settings_file.read_text())) == set(run.texts())


def test_auto_is_resolved(data: str, tmp_path: Path) -> None:
    run = read_run(train(small_run(data, epochs=1, precision="auto", device="auto"), tmp_path / "run").settings_file)
    assert run.precision in ("float32", "bfloat16") and run.device in ("cpu", "cuda")
    assert run.cuda_graphs == (run.device == "cuda")


def test_the_environment_names_versions_and_no_place(done: RunDirectory) -> None:
    environment = done.environment()
    assert environment["torch"] == torch.__version__ and environment["threads"] == 1
    assert environment.keys() >= {"robustill", "git", "python", "torch", "machine", "command"}
    assert str(Path.cwd()) not in json.dumps(environment)


def test_one_row_of_metrics_an_epoch(done: RunDirectory) -> None:
    rows = done.metrics()
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    for row in rows:
        assert row.keys() == {"epoch", "loss", "learning_rate", "seconds", "best"} | VALIDATED
        assert row["loss"] > 0 and 0 <= row["validation_robust"] <= row["validation_clean"] <= 1
        assert 0 < row["remainder"] < 1
    assert rows[0]["best"]


def test_checkpoints_say_what_they_are(done: RunDirectory, data: str) -> None:
    rows = done.metrics()
    entries = {name: read_entries(done.checkpoint(name)) for name in ("last", "best")}
    assert entries["last"]["epoch"] == 4
    assert entries["best"]["epoch"] == max(row["epoch"] for row in rows if row["best"])
    for entry in entries.values():
        assert tuple(entry["classes"]) == load(data).classes and entry["method"] == "PGDAT()"


def test_the_numbers_of_the_metrics_are_those_of_the_saved_weights(done: RunDirectory) -> None:
    run = read_run(done.settings_file)
    setting = prepare(run)
    assert setting.validation is not None
    rows = {row["epoch"]: row for row in done.metrics()}
    for name in ("last", "best"):
        model = load_model(done.checkpoint(name))
        flags = correct_under(model, setting.validation, validation_attack(run.attack), seed=run.seed)
        assert rows[read_entries(done.checkpoint(name))["epoch"]]["validation_robust"] == flags.double().mean()


def test_the_state_loads_without_executing_anything_and_holds_the_average(done: RunDirectory) -> None:
    state = torch.load(states(done.checkpoints)[0], weights_only=True)
    assert state["rows"] == done.metrics() and state["fit"]["epoch"] == 4
    last = load_model(done.checkpoint("last")).state_dict()
    averaged = {key.removeprefix("module."): value for key, value in state["fit"]["averaged"].items()}
    for key, value in last.items():
        assert torch.equal(value, averaged[key]), key
    assert not torch.equal(last["linear.weight"], state["fit"]["student"]["linear.weight"])


def test_without_an_average_the_students_weights_are_saved(data: str, tmp_path: Path) -> None:
    run = train(small_run(data, epochs=1), tmp_path / "run")
    state = torch.load(states(run.checkpoints)[0], weights_only=True)["fit"]
    assert state["averaged"] is None
    assert_same(dict(load_model(run.checkpoint("last")).state_dict()), dict(state["student"]))


def test_run_yaml_trains_the_same_network_again(done: RunDirectory, tmp_path: Path) -> None:
    again = train(read_run(done.settings_file), tmp_path / "again")
    for name in ("last", "best"):
        weights = [(run.checkpoint(name) / "model.safetensors").read_bytes() for run in (done, again)]
        assert weights[0] == weights[1]
    assert_same(again.metrics(), done.metrics())
    assert (again.path / "run.yaml").read_text() == (done.path / "run.yaml").read_text()


def test_another_seed_trains_another_network(done: RunDirectory, tmp_path: Path) -> None:
    other = train(replace(read_run(done.settings_file), seed=1), tmp_path / "other")
    assert other.metrics()[-1]["loss"] != done.metrics()[-1]["loss"]


def test_students_of_one_seed_begin_with_the_same_weights_and_images(data: str) -> None:
    first, second = (
        prepare(small_run(data)),
        prepare(small_run(data, method="TRADES()", attack="PGD(budget=L2(1), step_size=0.5)")),
    )
    assert_same(tensors(first.student), tensors(second.student))
    (x, y), (other_x, other_y) = (next(iter(setting.batches.epoch(1))) for setting in (first, second))
    assert torch.equal(x, other_x) and torch.equal(y, other_y)
    assert not torch.equal(
        prepare(small_run(data, seed=1)).student.state_dict()["linear.weight"],
        first.student.state_dict()["linear.weight"],
    )


def test_the_global_random_state_is_left_alone(data: str, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    train(small_run(data, epochs=1), tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), before)


# What is chosen


def scripted(monkeypatch: pytest.MonkeyPatch, shares: list[float]) -> list[Split]:
    """Makes validation give these robust accuracies, one an epoch, and notes the images it was asked about."""
    asked: list[Split] = []

    def correct(setting: object, model: object, split: Split, attack: Attack) -> int:
        if attack == Clean():
            return len(split)
        asked.append(split)
        return round(len(split) * shares[len(asked) - 1])

    monkeypatch.setattr(robustill.validation, "correct", correct)
    return asked


@pytest.mark.parametrize(
    ("shares", "best"),
    [([0.2, 0.5, 0.5, 0.3], 2), ([0.1, 0.2, 0.3, 0.4], 4), ([0.4, 0.3, 0.2, 0.1], 1), ([0.0, 0.0, 0.0, 0.0], 1)],
)
def test_the_best_epoch_is_the_first_with_the_highest_robust_validation_accuracy(
    shares: list[float], best: int, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, shares)
    run = train(small_run(data, epochs=4), tmp_path / "run")
    assert [row["validation_robust"] for row in run.metrics()] == shares
    assert read_entries(run.checkpoint("best"))["epoch"] == best
    assert read_entries(run.checkpoint("last"))["epoch"] == 4
    same = (run.checkpoint("best") / "model.safetensors").read_bytes() == (
        run.checkpoint("last") / "model.safetensors"
    ).read_bytes()
    assert same == (best == 4)


def test_the_best_epoch_survives_an_interruption(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [0.2, 0.5, 0.3, 0.4]
    whole = (
        train(small_run(data, epochs=4), tmp_path / "whole", console=None)
        if scripted(monkeypatch, shares) == []
        else None
    )
    assert whole is not None
    monkeypatch.undo()
    scripted(monkeypatch, [0.2, 0.5])  # the third call has no answer
    with pytest.raises(IndexError):
        train(small_run(data, epochs=4), tmp_path / "torn")
    monkeypatch.undo()
    scripted(monkeypatch, [0.3, 0.4])
    assert read_entries(resume(tmp_path / "torn").checkpoint("best"))["epoch"] == 2
    assert_same(RunDirectory(tmp_path / "torn").metrics(), whole.metrics())


def test_the_test_images_are_not_asked(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = scripted(monkeypatch, [0.5] * 3)
    train(small_run(data), tmp_path / "run")
    dataset, setting = load(data), prepare(small_run(data))
    known = {image.numpy().tobytes() for image in dataset.train.images}
    trained_on = {image.numpy().tobytes() for image in setting.batches.split.images}
    assert len(known) == 200 and len(trained_on) == 160
    for split in asked:
        images = {image.numpy().tobytes() for image in split.images}
        assert len(images) == 40 and images <= known and not images & trained_on


def test_without_validation_the_last_epoch_is_the_best(data: str, tmp_path: Path) -> None:
    run = train(small_run(data, validation=0), tmp_path / "run")
    assert [row["best"] for row in run.metrics()] == [True] * 3
    assert not VALIDATED & run.metrics()[0].keys()
    assert read_entries(run.checkpoint("best")) == read_entries(run.checkpoint("last"))


def test_epochs_are_compared_under_pgd_10_in_the_training_budget() -> None:
    training = PGD(budget=Linf(4 / 255), steps=3, step_size=2 / 255)
    assert validation_attack(training) == PGD(budget=Linf(4 / 255), steps=10, step_size=1 / 255)


# When nothing is touched


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "npz:nowhere.npz"}, "There is no file nowhere.npz"),
        ({"teacher": "run:nowhere", "method": "RSLAD()"}, "nowhere has no finished epoch"),
        ({"teacher": "demo", "method": "RSLAD()"}, "Teacher and data must have the same classes. Found: 10 classes"),
        ({"method": "RSLAD()"}, "needs a teacher. Found: none. Give --teacher demo, run:DIRECTORY"),
        ({"validation": 200}, "validation must be smaller than the training set. Found: 200 of 200 images."),
        ({"validation": 5000}, "Found: 5000 of 200 images."),
        ({"device": "tpu"}, "device must be auto, cpu or, where PyTorch finds one, cuda. Found: tpu."),
        ({"threads": 0}, "threads must be at least 1. Found: 0."),
        ({"augmentation": "CropFlip(padding=9)"}, "padding"),
    ],
    ids=str,
)
@pytest.mark.parametrize("old", [False, True], ids=["new", "overwrite"])
def test_a_setting_that_does_not_fit_leaves_everything_as_it_was(
    changes: dict[str, Any], message: str, old: bool, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if old:
        train(small_run(data, epochs=1), tmp_path / "run")
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train(small_run(**{"data": data, **changes}), tmp_path / "run", overwrite=old)
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ({"batch_size": 32}, r"Found: a last batch of 1, divided by 1 \("),
        ({"batch_size": 33, "accumulate": 17}, r"Found: a last batch of 32, divided by 17 \("),
    ],
)
def test_a_part_of_one_image_is_refused_where_batch_norm_needs_two(
    sizes: dict[str, int], found: str, tmp_path: Path
) -> None:
    run = small_run(archive(tmp_path / "few.npz", train=65), validation=0, **sizes)
    with pytest.raises(ValueError, match=rf"SmallCNN.* needs 2 images in every part of a batch.* {found}"):
        train(run, tmp_path / "run")
    assert files(tmp_path) == ["few.npz"]
    check_alone(prepare(replace(run, image_size=16)))  # BatchNorm sees several pixels of each
    check_alone(prepare(replace(run, batch_size=31, accumulate=1)))


def test_no_cuda_is_said(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"where PyTorch finds one, cuda\. Found: cuda."):
        train(small_run(data, device="cuda"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_empty_directory_is_taken(data: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert train(small_run(data, epochs=1), tmp_path / "run").metrics()


def test_a_directory_with_something_in_it_is_refused(data: str, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(
        ValueError, match=r"must be new or empty\. Found: files in it\. Name another directory with --output\.$"
    ):
        train(small_run(data), tmp_path)
    assert files(tmp_path) == ["letter.txt"]


def test_a_file_is_no_directory(data: str, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    for overwrite, message in (
        (False, "must be new or empty. Found: a file."),
        (True, "Found: a file, and no run.yaml"),
    ):
        with pytest.raises(ValueError, match=message):
            train(small_run(data), tmp_path / "letter.txt", overwrite=overwrite)
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_overwrite_replaces_a_run_whole(data: str, tmp_path: Path) -> None:
    train(small_run(data, epochs=3), tmp_path / "run")
    (tmp_path / "run" / "evaluation").mkdir()
    (tmp_path / "run" / "evaluation" / "last.json").write_text("{}")
    run = train(small_run(data, epochs=1), tmp_path / "run", overwrite=True)
    assert len(run.metrics()) == 1 and not (run.path / "evaluation").exists()


def test_overwrite_never_removes_what_is_no_run(data: str, tmp_path: Path) -> None:
    train(small_run(data, epochs=1), tmp_path / "precious" / "run")
    with pytest.raises(ValueError, match=r"--overwrite replaces only what the same command made\. Found: files in it"):
        train(small_run(data, epochs=1), tmp_path / "precious", overwrite=True)
    assert RunDirectory(tmp_path / "precious" / "run").metrics()


def test_overwrite_leaves_a_run_to_the_process_that_trains_it(data: str, tmp_path: Path) -> None:
    run = train(small_run(data, epochs=1), tmp_path / "run")
    before = files(tmp_path)
    message = r"Another process is at work in .*run\. Wait until it has ended"
    with reserved(run.settings_file), pytest.raises(ValueError, match=message):
        train(small_run(data, epochs=2), run.path, overwrite=True)
    assert files(tmp_path) == before and len(run.metrics()) == 1


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_stays_one(there: bool, data: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    if there:
        (tmp_path / "target").mkdir()
    for epochs in (1, 2):
        run = train(small_run(data, epochs=epochs), tmp_path / "link", overwrite=True)
        assert len(run.metrics()) == len(RunDirectory(tmp_path / "target").metrics()) == epochs
    assert run.path == tmp_path / "link" and run.path.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]


@pytest.mark.parametrize("name", [".", ".."])
def test_the_current_directory_is_refused(
    name: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(
        ValueError, match=rf"must not be the current directory, nor one above it\. Found: {name}\. Name a folder"
    ):
        train(small_run(data), Path(name), overwrite=True)
    assert files(tmp_path) == []


def test_what_cannot_be_put_in_its_place_is_removed(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path), None, str(target))

    monkeypatch.setattr(Path, "rename", forbidden)
    with pytest.raises(PermissionError, match="run'"):
        train(small_run(data), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_only_a_run_can_be_resumed(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=f"--resume needs the directory of a run. Found: .*{name}, which holds no run"):
        resume(tmp_path / name)
    assert files(tmp_path) == []
