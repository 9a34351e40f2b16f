"""What TensorBoard is shown of a run: its numbers as they are in its files, and pictures."""

from __future__ import annotations

import json
import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import robustill.tensorboard
from robustill.results import RunDirectory
from robustill.tensorboard import Board, pictures, require_tensorboard
from robustill.train import train
from tests.report.fabricate import CLASSES, gallery, run_directory
from tests.small import archive, command, flags, small_run


def test_without_the_package_the_flag_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(robustill.tensorboard, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs the package tensorboard. Found: none. Install it with pip install"):
        require_tensorboard()
    monkeypatch.chdir(tmp_path)
    archive(tmp_path / "d.npz")
    assert command("train", *flags("npz:d.npz"), "--tensorboard", "--output", "run") == 2
    assert "needs the package tensorboard" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_that_name_is_not_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustill.tensorboard, "find_spec", lambda name: ModuleSpec(name, None, is_package=True))
    with pytest.raises(ValueError, match="needs the package tensorboard"):
        require_tensorboard()


def test_pictures_are_the_strips_of_the_report_in_colour() -> None:
    arrays = {name.removeprefix("gallery_"): values for name, values in gallery(2, None, seed=0, teacher=True).items()}
    found = pictures(arrays, CLASSES)
    assert set(found) == {f"{kind}/{CLASSES[at]}" for kind in ("gallery", "gradients") for at in (0, 1)}
    for image in found.values():
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.std() > 10
    alone = {name: values for name, values in arrays.items() if "teacher" not in name and name != "gc"}
    assert pictures(alone, CLASSES)["gradients/Trouser"].shape[1] < found["gradients/Trouser"].shape[1]


def events(run: Path) -> Any:
    """Everything in the run's event files, as TensorBoard reads them."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard")
    found = reader.EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    return found


def scalars(found: Any) -> dict[str, list[tuple[int, float]]]:
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_every_number_of_the_log_is_shown_once_and_rows_of_an_earlier_run_are_not(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    run = RunDirectory(run_directory(tmp_path / "run", done=2))
    board = Board(run)
    board.catch_up()
    assert not (run.path / "tensorboard").exists()  # those rows are older than the board
    shutil.rmtree(run.path)
    run_directory(run.path, done=1)
    board.catch_up()
    row = run.metrics()[0]
    more = {**row, "epoch": 2, "loss": 0.5}
    run.metrics_file.write_text("".join(f"{line}\n" for line in map(json.dumps, (row, more))))
    board.catch_up()
    board.catch_up()
    found = scalars(events(run.path))
    assert found["loss"] == [(1, pytest.approx(row["loss"])), (2, 0.5)]
    assert set(found) == {"loss", "learning_rate", "seconds", "validation_clean", "validation_robust", "remainder"}


def test_a_run_is_shown_while_it_trains_with_pictures_at_its_end_and_again_when_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    monkeypatch.chdir(tmp_path)
    archive(tmp_path / "d.npz")
    train(small_run("npz:d.npz", epochs=1), Path("teacher"))
    (tmp_path / "run.yaml").write_text(
        small_run("npz:d.npz", epochs=2, method="RSLAD()", teacher="run:teacher").to_yaml()
    )
    assert command("train", "run.yaml", "--tensorboard", "--output", "run") == 0
    logged: list[Any] = [(row["epoch"], pytest.approx(row["loss"])) for row in RunDirectory(Path("run")).metrics()]
    found = events(tmp_path / "run")
    assert scalars(found)["loss"] == logged
    assert len({tag.partition("/")[0] for tag in found.Tags()["images"]}) == 2
    assert command("train", "--resume", "run") == 0  # nothing is left to train
    assert scalars(events(tmp_path / "run"))["loss"] == logged
