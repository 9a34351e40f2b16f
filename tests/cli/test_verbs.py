"""evaluate, report and list: what they write and print when all is well."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import robustill.train
from robustill.data import list_sources
from robustill.models import list_models
from robustill.recipes import list_recipes
from robustill.results import Evaluation, RunDirectory
from robustill.teachers import list_teachers
from robustill.train import resume, train
from tests.small import archive, command, small_run

DATA = "npz:d.npz"


def scripted(patch: pytest.MonkeyPatch, shares: list[float]) -> None:
    """Makes validation give these robust accuracies, one an epoch."""
    left = iter(shares)
    patch.setattr(robustill.train, "validate", lambda *given: {"validation_robust": next(left)})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a teacher, a student whose best epoch is the first of two, and one whose best is the last."""
    root = tmp_path_factory.mktemp("world")
    archive(root / "d.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        train(small_run(DATA, epochs=1), Path("runs/teacher"))
        student = small_run(DATA, epochs=2, method="RSLAD()", teacher="run:runs/teacher")
        scripted(patch, [0.5, 0.4])
        train(student, Path("runs/falling"))
        scripted(patch, [0.4, 0.5])
        train(replace(student, seed=1), Path("runs/rising"))
    return root


@pytest.fixture(autouse=True)
def _in_a_copy(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    shutil.copytree(world, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    monkeypatch.setenv("COLUMNS", "150")
    yield


def evaluations(name: str) -> dict[str, Evaluation]:
    return RunDirectory(Path("runs") / name).evaluations()


# evaluate


def test_last_and_best_are_both_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("evaluate", "runs/falling") == 0
    run, found = RunDirectory(Path("runs/falling")), evaluations("falling")
    assert found.keys() == {"last", "best"}
    for name, evaluation in found.items():
        assert (evaluation.model, evaluation.teacher, evaluation.data) == (name, "run:runs/teacher", DATA)
        assert {key: value.n for key, value in evaluation.accuracies.items()} == {"clean": 40, "pgd20": 40}
        assert {key: value.n for key, value in evaluation.agreement.items()} == {"gd": 40, "gc": 40}
        arrays = run.arrays(name)
        assert arrays["correct_pgd20"].sum() == evaluation.accuracies["pgd20"].correct
        assert arrays["gallery_x"].shape == (4, 1, 8, 8) and arrays["gallery_x"].dtype == np.float32
    text = capsys.readouterr().out.replace("\u00a0", " ")
    for word in ("RSLAD", "best", "last", "Clean %", "PGD-20 %", "GD", "GC", "40 test images of npz:d.npz"):
        assert word in text
    best, last = found["best"].accuracies["clean"].correct, found["last"].accuracies["clean"].correct
    assert f"{100 * best / 40:.1f}" in text and f"{100 * last / 40:.1f}" in text


def test_the_last_epoch_is_measured_once_where_it_is_the_best() -> None:
    assert command("evaluate", "runs/rising") == 0
    found = evaluations("rising")
    assert found.keys() == {"last", "best"} and found["best"] == replace(found["last"], model="best")


def test_what_was_the_best_epoch_once_is_not_kept_as_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("evaluate", "runs/falling", "--attacks", "clean") == 0
    settings = Path("runs/falling/run.yaml")
    settings.write_text(settings.read_text().replace("epochs: 2", "epochs: 3"))
    scripted(monkeypatch, [0.9])
    resume(Path("runs/falling"))
    assert command("evaluate", "runs/falling", "--attacks", "clean") == 0
    found = evaluations("falling")
    assert found.keys() == {"last", "best"} and found["best"] == replace(found["last"], model="best")


def test_twice_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for _ in range(2):
        assert command("evaluate", "runs/falling") == 0
        found.append(evaluations("falling")["last"])
    assert replace(found[0], seconds=0) == replace(found[1], seconds=0)


def test_a_single_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("runs/falling/checkpoints/best", "network")
    words = ["--data", DATA, "--teacher", "file:runs/teacher/checkpoints/last", "--seed", "3"]
    assert command("evaluate", "network", *words) == 0
    (evaluation,) = RunDirectory(Path("network")).evaluations().values()
    assert evaluation.model == "model" and evaluation.teacher == "file:runs/teacher/checkpoints/last"
    assert "40 test images" in capsys.readouterr().out


def test_flags_choose_attack_budget_sample_and_batch() -> None:
    words = ["--attacks", "pgd3,clean", "--budget", "L2(0.5)", "--samples", "12", "--batch-size", "5", "--seed", "7"]
    assert command("evaluate", "runs/rising", *words) == 0
    evaluation = evaluations("rising")["last"]
    assert evaluation.accuracies.keys() == {"pgd3", "clean"} and evaluation.accuracies["clean"].n == 12
    assert evaluation.accuracies["pgd3"].adversary.startswith("PGD(budget=L2(0.5), steps=3, step_size=0.125")
    assert (evaluation.batch_size, evaluation.seed) == (5, 7)


def test_another_split_of_images() -> None:
    archive(Path("other.npz"), seed=1, test=20)
    assert command("evaluate", "runs/rising", "--data", "npz:other.npz", "--attacks", "clean") == 0
    assert (
        evaluations("rising")["last"].data == "npz:other.npz"
        and evaluations("rising")["last"].accuracies["clean"].n == 20
    )


def test_a_run_without_a_teacher_has_no_agreement_until_one_is_named() -> None:
    assert command("evaluate", "runs/teacher", "--attacks", "clean") == 0
    assert evaluations("teacher")["last"].agreement == {}
    assert command("evaluate", "runs/teacher", "--attacks", "clean", "--teacher", "run:runs/rising") == 0
    assert evaluations("teacher")["last"].agreement.keys() == {"gd", "gc"}


# report


def test_one_page_about_several_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("teacher", "rising"):
        assert command("evaluate", f"runs/{name}", "--attacks", "clean") == 0
    capsys.readouterr()
    assert command("report", "runs/rising", "runs/teacher", "-o", "page.html") == 0
    assert capsys.readouterr().out == "Open page.html\n"
    page = Path("page.html").read_text(encoding="utf-8")
    assert "RSLAD" in page and "<html" in page and not Path("runs/rising/report.html").exists()


def test_the_page_is_in_the_first_run_unless_another_place_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("report", "runs/rising") == 0  # nothing has been evaluated, which the page says
    assert capsys.readouterr().out == f"Open {Path('runs/rising/report.html')}\n"
    assert "not been evaluated" in Path("runs/rising/report.html").read_text(encoding="utf-8")


# list


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("methods", ["PGDAT", "TRADES", "RSLAD", "AdaAD", "+ IGDM"]),
        ("attacks", ["PGD", "Clean", "Linf", "L2", "L1", "Gaussian"]),
        ("models", [*list_models(), "SmallCNN", "ResNet"]),
        ("data", list(list_sources())),
        ("teachers", ["demo", "run:DIRECTORY", "file:PATH"]),
        ("recipes", list(list_recipes())),
    ],
)
def test_lists(name: str, expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command("list", name) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [line for line in lines if line and not line.startswith(" ")]
    for entry in expected:
        assert any(line == entry or line.startswith(f"{entry} ") for line in named), entry
    assert not any("``" in line or line.endswith(" ") or len(line) > 150 for line in lines)


def test_a_long_name_is_never_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert command("list", "teachers") == 0
    lines = capsys.readouterr().out.splitlines()
    assert set(list_teachers()) <= {re.split("  +", line)[0] for line in lines}
