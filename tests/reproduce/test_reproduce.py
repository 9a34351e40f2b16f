"""Targets from nothing to files, in seconds; what is there is reused, what is missing is said."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from robustill.reproduce import reproduce, show
from robustill.reproduce.collect import Collected
from robustill.reproduce.images import Images
from robustill.reproduce.targets import TARGETS, ablation
from robustill.results import RunDirectory
from tests.reproduce.toy import Here, toy

NAMES = ["table3", "fig2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reproduce")


@pytest.fixture(scope="module", autouse=True)
def half_of_table_3() -> Iterator[None]:
    """AdaAD without the teacher in the inner maximisation, alone and with IGDM: two networks instead of four."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TARGETS, "table3", replace(TARGETS["table3"], students=ablation("AdaAD w/o T_in")))
        yield


@pytest.fixture(scope="module")
def runs(folder: Path) -> Path:
    """Half of Table 3, and Figure 2, made once for all tests of this file; none may change them."""
    engine = Here()
    found = reproduce(NAMES, toy(folder, training=150), folder / "runs", engine=engine)
    assert not any(collected.missing for collected in found.values())
    assert len(engine.done) == 1 + 6  # the teacher is trained before the others, and measured among them
    return folder / "runs"


def content(runs: Path, target: str) -> dict[str, Any]:
    return dict(json.loads((runs / "reproduce" / f"{target}.json").read_text(encoding="utf-8")))


def test_a_second_call_does_nothing_and_writes_the_same(folder: Path, runs: Path) -> None:
    before = {target: content(runs, target) for target in NAMES}
    engine = Here()
    reproduce(NAMES, toy(folder, training=150), runs, engine=engine)
    assert engine.done == []
    assert {target: content(runs, target) for target in NAMES} == before


def test_the_numbers_are_those_of_the_runs(runs: Path) -> None:
    found = content(runs, "table3")
    places = {(p["method"], p["igdm"], p["seed"]): p["directory"] for p in found["places"]}
    assert len(places) == 2
    for number in found["numbers"]:
        for seed, value in number["by_seed"].items():
            run = RunDirectory(runs / places[number["method"], number["igdm"], int(seed)])
            last = run.evaluations()["last"]
            if number["measure"] == "AA":
                assert value == 100 * last.accuracies["apgd-ce"].accuracy
                assert number["images"] == 8 and "APGD" in number["measured"]
            elif number["measure"] in ("GD", "GC"):
                assert value == last.agreement[number["measure"].lower()].mean and number["images"] == 20
            else:
                assert value == sum(row["seconds"] for row in run.metrics()) / 2 / 60
            written, settings = found["runs"][run.path.name], run.settings()
            assert written == settings | {key: written[key] for key in ("data", "teacher")}
            assert settings["data"] == written["data"].replace("RUNS", str(runs))
            assert settings["teacher"] == written["teacher"].replace("RUNS", str(runs))
    assert str(runs) not in json.dumps(found)


def test_differences_stand_beside_the_papers(runs: Path) -> None:
    found = content(runs, "table3")
    values = {(n["igdm"], n["measure"]): n for n in found["numbers"]}
    assert [row["measure"] for row in found["differences"]] == ["AA", "GD", "GC", "T/E"]
    for row in found["differences"]:
        base, plus = (values[igdm, row["measure"]] for igdm in (False, True))
        assert row["by_seed"] == {"0": plus["by_seed"]["0"] - base["by_seed"]["0"]}
        assert row["paper"] == pytest.approx(plus["paper"] - base["paper"])
        assert row["interval_95"] is None and row["seeds"] == 1


@pytest.mark.parametrize("target", NAMES)
def test_every_format_agrees_with_the_json(runs: Path, target: str) -> None:
    found, folder = content(runs, target), runs / "reproduce"
    with (folder / f"{target}.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    numbers = [("value", n) for n in found["numbers"]] + [("difference", n) for n in found["differences"]]
    assert len(rows) == len(numbers)
    markdown, latex = ((folder / f"{target}.{ending}").read_text(encoding="utf-8") for ending in ("md", "tex"))
    for row, (kind, number) in zip(rows, numbers, strict=True):
        assert row["kind"] == kind and row["measure"] == number["measure"]
        assert float(row["mean"]) == number["mean"] and int(row["images"]) == number["images"]
        assert row["paper"] == ("" if number["paper"] is None else str(number["paper"]))
        digits = {"AA": 2, "remainder": 4}.get(number["measure"], 3)
        signed = f"{number['mean']:{'+' if kind == 'difference' else ''}.{digits}f}"
        assert signed.replace("-", "−") in markdown
        assert signed.replace("-", "$-$") in latex


def test_figure_2_has_the_epochs_of_every_run_and_two_drawings(runs: Path) -> None:
    found = content(runs, "fig2")
    assert {(row["method"], row["seed"]) for row in found["epochs"]} == {
        (method, 0) for method in ("Natural", "PGD-AT", "ARD")
    }
    assert all([m["epoch"] for m in row["metrics"]] == [1, 2] for row in found["epochs"])
    written = (runs / "reproduce" / "fig2.md").read_text(encoding="utf-8")
    assert "Measured while training, on images held out" in written and "Nothing has been measured" not in written
    for name in ("fig2-teachers", "fig2-training"):
        assert (runs / "reproduce" / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
    (teacher,) = [number for number in found["numbers"] if not number["method"]]
    assert teacher["paper"] == 0.012 and [*teacher["by_seed"]] == ["only"]


def test_what_is_missing_is_said_and_nothing_is_run(tmp_path: Path) -> None:
    console = Console(width=300, file=io.StringIO(), record=True)
    found = show(["table3"], toy(tmp_path), tmp_path / "runs", console=console)
    assert found["table3"].missing == tuple(
        f"AdaAD w/o T_in{term}, seed 0: AA, GD, GC, T/E" for term in ("", " + IGDM")
    )
    assert "Missing of table3: AdaAD w/o T_in, seed 0: AA, GD, GC, T/E" in console.export_text()
    assert "**Missing:**" in (tmp_path / "runs" / "reproduce" / "table3.md").read_text(encoding="utf-8")
    assert all(number["mean"] is None for number in content(tmp_path / "runs", "table3")["numbers"])
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["reproduce"]


def test_only_what_is_missing_is_done_again(folder: Path, runs: Path, tmp_path: Path) -> None:
    scale = toy(folder, training=150)
    copy = tmp_path / "runs"
    shutil.copytree(runs, copy)
    victim = next(iter(sorted(copy.glob("adaad-igdm-*"))))
    shutil.rmtree(victim / "evaluation")
    weights = (victim / "checkpoints" / "last" / "model.safetensors").read_bytes()
    written = (victim / "metrics.jsonl").stat().st_mtime_ns
    # The copy's runs name the teacher and the images where they were: they are still there
    engine = Here()
    found = reproduce(["table3"], scale, copy, engine=engine)
    assert engine.done == [victim.name] and not found["table3"].missing
    assert (victim / "checkpoints" / "last" / "model.safetensors").read_bytes() == weights
    assert (victim / "metrics.jsonl").stat().st_mtime_ns == written
    again = {n["measure"]: n["by_seed"] for n in content(copy, "table3")["numbers"] if n["measure"] != "T/E"}
    assert again == {n["measure"]: n["by_seed"] for n in content(runs, "table3")["numbers"] if n["measure"] != "T/E"}


def test_another_sample_is_measured_and_the_rest_kept(folder: Path, runs: Path, tmp_path: Path) -> None:
    copy = tmp_path / "runs"
    shutil.copytree(runs, copy)
    engine = Here()
    found: Collected = reproduce(["fig2"], toy(folder, training=150, samples=12), copy, engine=engine)["fig2"]
    assert len(engine.done) == 1  # the teacher's remainder; epochs need no measuring
    (teacher,) = [number for number in found.numbers.values() if not number.cell.method]
    assert teacher.n == 12


def test_without_the_teacher_of_all_nothing_is_begun(tmp_path: Path) -> None:
    scale = replace(toy(tmp_path), teacher_run=None, given=f"file:{tmp_path / 'none.pt'}")
    with pytest.raises(ValueError, match=r"none\.pt"):
        reproduce(["table3"], scale, tmp_path / "runs", engine=Here())
    assert not (tmp_path / "runs").exists()


def test_what_needs_a_network_that_failed_is_not_begun_and_says_why(tmp_path: Path) -> None:
    scale, runs = toy(tmp_path), tmp_path / "runs"
    blocked = runs / scale.teacher("", "").name
    blocked.mkdir(parents=True)
    (blocked / "file").touch()
    console, engine = Console(width=400, file=io.StringIO(), record=True), Here()
    found = reproduce(["table3"], scale, runs, engine=engine, console=console)
    assert engine.done == [blocked.name] and len(found["table3"].missing) == 2
    lines = [line for line in console.export_text().splitlines() if line.startswith("failed: ")]
    assert len(lines) == 3 and all("must be new or empty" in line for line in lines)


@pytest.mark.parametrize("training", [None, 50])
def test_images_that_are_not_there_are_refused_before_anything_is_done(tmp_path: Path, training: int | None) -> None:
    scale = replace(toy(tmp_path), images=Images(f"npz:{tmp_path / 'none.npz'}", training))
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.npz"):
        reproduce(["table3"], scale, tmp_path / "runs", engine=Here())
