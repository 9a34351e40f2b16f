"""The demo on a handful of images: everything it leaves, everything it prints, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import robustill.demo
from robustill.data import load
from robustill.demo import student_runs
from robustill.files import reserved
from robustill.methods.rslad import RSLAD
from robustill.objectives import IGDM
from robustill.prepare import prepare
from robustill.recipes import recipe_file
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.train import read_run
from tests.small import assert_same, command, tensors

STUDENTS = ["rslad-igdm-smallcnn-seed0", "rslad-smallcnn-seed0"]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A few of the embedded images."""
    dataset, file = load("demo"), tmp_path_factory.mktemp("data") / "few.npz"
    arrays = {"classes": np.array(dataset.classes)}
    for part, split in (("train", dataset.train.stratified(80, 0)), ("test", dataset.test.stratified(30, 0))):
        arrays |= {f"x_{part}": split.images.numpy(), f"y_{part}": split.labels.numpy()}
    np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub reads ** as allow_pickle
    return f"npz:{file}"


@pytest.fixture(scope="module", autouse=True)
def _small(few: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The recipe of the demo and that of its teacher, shrunk."""
    lines = ["student: SmallCNN(width=2)", f"data: {few}", "epochs: 1", "batch_size: 30", "validation: 20"]
    lines += ["attack: PGD(budget=Linf(8/255), steps=1, step_size=8/255)", "precision: float32"]
    recipe = tmp_path_factory.mktemp("recipes") / "demo.yaml"
    recipe.write_text("\n".join([*lines, "teacher: demo", "method: RSLAD()"]))
    teacher = Run.from_texts({"student": "SmallCNN(width=3)", "data": few, "epochs": 1, "validation": 20})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustill.demo, "recipe_file", lambda name: recipe)
        patch.setattr(robustill.demo, "teacher_run", lambda: teacher)
        patch.setenv("COLUMNS", "200")
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo that no test changes."""
    output = tmp_path_factory.mktemp("demo") / "runs" / "demo"
    assert command("demo", "--output", output) == 0
    return output


def directories(output: Path) -> list[str]:
    return sorted(path.name for path in output.iterdir() if path.is_dir())


def test_it_leaves_the_teacher_and_two_students_measured_alike(done: Path) -> None:
    assert directories(done) == [*STUDENTS, "teacher"]
    for name in directories(done):
        run = RunDirectory(done / name)
        assert run.evaluations().keys() == ({"best"} if name == "teacher" else {"last", "best"})
        for evaluation in run.evaluations().values():
            assert {key: value.n for key, value in evaluation.accuracies.items()} == {"clean": 30, "pgd20": 30}
            assert evaluation.agreement.keys() == (set() if name == "teacher" else {"gd", "gc"})


def test_the_report_is_one_page_that_needs_nothing_else(done: Path) -> None:
    page = (done / "report.html").read_text(encoding="utf-8")
    assert "IGDM" in page and "RSLAD" in page
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_the_students_differ_in_the_term_alone(done: Path) -> None:
    igdm, base = (read_run(done / name / "run.yaml").texts() for name in STUDENTS)
    assert {key for key in base if base[key] != igdm[key]} == {"method"}
    assert (base["method"], igdm["method"]) == ("RSLAD()", "RSLAD() + IGDM(alpha=10)")
    first, second = (prepare(read_run(done / name / "run.yaml")).student for name in STUDENTS)
    assert_same(tensors(first), tensors(second))


def test_two_seeds_a_teacher_of_its_own_and_the_old_demo_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "demo"
    (output / "rslad-smallcnn-seed9").mkdir(parents=True)
    (output / "demo.json").write_text("{}")
    assert command("demo", "--output", output, "--seeds", 2, "--train-teacher", "--overwrite") == 0
    text = capsys.readouterr().out.replace("\u00a0", " ")
    assert directories(output) == sorted([*STUDENTS, *(name.replace("0", "1") for name in STUDENTS), "teacher"])
    assert read_run(output / STUDENTS[0] / "run.yaml").teacher == f"run:{output / 'teacher'}"
    assert RunDirectory(output / "teacher").metrics() and RunDirectory(output / "teacher").evaluations()
    assert json.loads((output / "demo.json").read_text()) == {
        "term": "IGDM(alpha=10)",
        "seeds": 2,
        "train_teacher": True,
    }
    for word in ("Teacher", "RSLAD", "RSLAD + IGDM(alpha=10)", "Clean %", "PGD-20 %", "GD", "GC", "Δ PGD-20"):
        assert word in text, word
    assert text.rstrip().endswith(f"Open {output / 'report.html'}")


def test_the_real_recipes_fit_the_embedded_images_and_the_shipped_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for run in student_runs(IGDM(alpha=10), 1, "demo"):
        assert run.method.terms in ((), (IGDM(alpha=10),))
    setting = prepare(read_run(recipe_file("demo")))
    assert setting.teacher is not None and setting.dataset.name == "demo"
    assert len(setting.batches.split) + setting.held_out == 5000
    assert sum(p.numel() for p in setting.student.parameters()) < sum(p.numel() for p in setting.teacher.parameters())


def test_every_seed_has_a_pair() -> None:
    runs = student_runs(IGDM(alpha=3), 3, "demo")
    assert [(run.seed, len(run.method.terms)) for run in runs] == [(s, t) for s in range(3) for t in (0, 1)]


def test_a_taken_directory_is_refused_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.yaml").write_text("student: SmallCNN()")
    assert command("demo", "--output", tmp_path) == 2
    assert "must be new or empty" in capsys.readouterr().err
    assert command("demo", "--output", tmp_path, "--overwrite") == 2  # runs, but no demo's
    assert "no demo.json" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "run.yaml"]


def test_a_demo_at_work_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo.json").write_text("{}")
    with reserved(tmp_path / "demo.json"):
        assert command("demo", "--output", tmp_path, "--overwrite") == 2
    assert "Another process is at work in" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["demo.json"]
    assert command("demo", "--output", tmp_path) == 2
    words = f"{tmp_path} must be new or empty. Found: files in it. Name another directory with --output, replace what"
    told = " ".join(capsys.readouterr().err.split())
    assert words in told and "--resume" not in told


def test_a_method_is_no_term(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo.json").write_text("{}")
    assert command("demo", "--output", tmp_path, "--overwrite", "--term", "RSLAD()") == 2
    assert "what a method takes with +, such as IGDM(alpha=10). Found: RSLAD(), a method." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["demo.json"]
    with pytest.raises(ValueError, match=r"The term must be what a method takes with \+"):
        student_runs(RSLAD(), 1, "demo")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "0"], "--seeds must be at least 1. Found: 0."),
        (["--seeds", "two"], "seeds must be a whole number. Found: two."),
        (["--term", "IGDM(alpha=-1)"], "IGDM requires a finite alpha of at least 0. Found: -1."),
        (["--jobs", "0"], "--jobs must be at least 1. Found: 0."),
        (["--train-teacher-now"], "There is no setting"),
    ],
)
def test_bad_flags_are_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("demo", "--output", tmp_path / "demo", *words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
