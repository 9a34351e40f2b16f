"""``robustill report``: what it writes, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.fabricate import run_directory
from tests.small import command


@pytest.fixture(autouse=True)
def _a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_directory(Path("runs/one"), accuracies={"best": {"clean": 0.9, "pgd20": 0.8}}, pictures=0, validated=False)


def test_the_page_goes_into_the_first_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("report", "runs/one") == 0
    assert capsys.readouterr().out == "Open runs/one/report.html\n"
    assert Path("runs/one/report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not list(Path().rglob("*.svg"))


def test_export_writes_figures_and_tables_beside_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("report", "runs/one", "-o", "pages/one.html", "--export", "files") == 0
    assert capsys.readouterr().out == "Open pages/one.html\nFigures and tables are in files.\n"
    assert [file.name for file in Path("files/figures").iterdir()] == ["curve-loss.svg"]
    assert {"results.csv", "results.md", "results.tex", "epochs.csv"} <= {
        f.name for f in Path("files/tables").iterdir()
    }


def test_an_export_that_is_a_file_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Path("files").write_text("")
    assert command("report", "runs/one", "--export", "files") == 2
    assert "files" in capsys.readouterr().err
