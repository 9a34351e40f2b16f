"""The command: what it refuses, what it lists, and what its exit status says."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustill.recipes.paper import Cell
from robustill.reproduce import measurings, scale_named
from robustill.reproduce.estimate import epoch_units, measured_units
from tests.small import command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tabel2"], "A target is one of table1"),
        (["table2", "--scale", "huge"], "--scale must be one of demo, mini, paper"),
        (["table2", "--seeds", "0"], "--seeds must be at least 1"),
        (["table2", "--jobs", "0"], "--jobs must be at least 1"),
        (["table2", "--retries", "-1"], "--retries must be at least 0"),
        (["all", "--scale", "paper", "--data", "demo"], "has images and teachers of its own"),
        ([], "Missing: targets"),
    ],
    ids=["target", "scale", "seeds", "jobs", "retries", "paper", "nothing"],
)
def test_bad_words_are_one_sentence(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("reproduce", *words) == 2
    assert message in capsys.readouterr().err


def test_a_dry_run_lists_every_network_with_its_cost_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("reproduce", "table3", "table1", "--runs", tmp_path / "runs", "--jobs", "2", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("           left  adaad-")]) == 4
    assert any(line.startswith(" to be measured  given-") for line in lines)
    (total,) = [line for line in lines if line.startswith("5 networks, 5 of them not finished")]
    assert "student forwards of one image to train" in total and "with 2 at a time" in total
    assert any("of one PGD-AT step measured now" in line for line in lines)
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_of_the_papers_scale_says_how_to_get_what_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTILL_MODELS", str(tmp_path / "none"))
    assert command("reproduce", "table1", "--scale", "paper", "--runs", tmp_path / "runs", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    absent = [line for line in lines if line.startswith("robustbench:")]
    assert len(absent) == 6 and all("is downloaded when it is first needed" in line for line in absent)
    assert f"{tmp_path}/none/cifar100/Linf/Wang2023Better_WRN-28-10.pt" in "".join(absent)


def test_what_is_missing_makes_the_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("reproduce", "table1", "--runs", tmp_path / "runs", "--show") == 1
    out = capsys.readouterr().out
    assert "Missing of table1: teacher the embedded subset of Fashion-MNIST, teacher demo: Clean, PGD, AA" in out
    assert {file.name for file in (tmp_path / "runs" / "reproduce").iterdir()} == {
        f"table1.{ending}" for ending in ("json", "md", "csv", "tex")
    }


def test_units_are_those_of_a_step_times_the_images() -> None:
    scale = scale_named("mini")
    student = scale.student(Cell("CIFAR-10", "ResNet-18", "LTD", "PGD-AT"), 0)
    assert epoch_units(student) == 9 * 11_500  # 3 steps of 2, 3 for the outer step
    (standard, attacked) = [
        measured_units(m) for m in measurings(["table2"], scale) if m.subject == student and m.sheet is not None
    ]
    assert standard == pytest.approx(2_000 * (1 + 41 + 2 * (1 + 35.05 / 8.87)), rel=1e-3)
    assert attacked == pytest.approx(500 * 0.5 * (1 + 201 + 1801))
