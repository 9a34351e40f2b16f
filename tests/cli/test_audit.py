"""robustill audit: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import robustill.cli.audit
from robustill.audit import Effort, checks
from robustill.train import train
from tests.small import archive, command, small_run

DATA = "npz:d.npz"
BROKEN = """
import torch
from torch import nn

def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 4), nn.Softmax(1))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a teacher and a student of it."""
    root = tmp_path_factory.mktemp("world")
    archive(root / "d.npz", train=300, test=80)
    (root / "broken.py").write_text(BROKEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        train(small_run(DATA, epochs=4), Path("runs/teacher"))
        train(small_run(DATA, epochs=4, method="RSLAD()", teacher="run:runs/teacher"), Path("runs/student"))
    return root


@pytest.fixture(autouse=True)
def _in_a_copy(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    shutil.copytree(world, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    monkeypatch.syspath_prepend(tmp_path / "world")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(robustill.cli.audit, "QUICK", Effort(samples=40, strong=1, steps=3, restarts=2, queries=3))
    yield


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what takes no attack."""
    chosen = [check for check in checks() if check.id[0] in "AE" or check.id == "B11"]
    monkeypatch.setattr("robustill.audit.conduct.checks", lambda: chosen)


def written(file: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    return row


@pytest.mark.usefixtures("cheap")
def test_images_of_another_size_are_not_those_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    def reported(*words: object) -> bool:
        command("audit", "runs/student", *words)
        return "not reported" not in found(written("runs/student/audit.json"), "A10")["measured"]

    assert command("evaluate", "runs/student", "--attacks", "clean") == 0
    assert reported() and not reported("--image_size", 12) and reported("--image_size", 8)
    assert command("audit", "runs/student", "--channels", 3) == 2
    assert "Give --channels 1" in capsys.readouterr().err


def found(row: dict[str, Any], id: str) -> dict[str, Any]:
    return next(finding for finding in row["findings"] if finding["id"] == id)


def test_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("evaluate", "runs/student", "--attacks", "clean") == 0
    capsys.readouterr()
    status = command("audit", "runs/student", "--budget", "Linf(4/255)", "--seed", "2")
    text, row = capsys.readouterr().out, written("runs/student/audit.json")
    assert status == int(row["verdict"] == "fail")
    assert (row["data"], row["teacher"], row["budget"], row["n"], row["seed"]) == (
        DATA,
        "run:runs/teacher",
        "Linf(4/255)",
        40,
        2,
    )
    assert [finding["id"] for finding in row["findings"]][:3] == ["A1", "A2", "A3"] and len(row["findings"]) == 34
    for finding in row["findings"]:
        assert f" {finding['id']} " in text and finding["verdict"] in text
    assert re.search(r"%\), reported [\d.]+% of 80$", found(row, "A10")["measured"])
    assert found(row, "E32")["measured"] == "0 of 40 images are among 300 for training and validation"
    assert found(row, "E31")["verdict"] in ("pass", "warn") and found(row, "E34")["verdict"] == "pass"
    assert text.splitlines()[-1].startswith(f"{row['verdict']}: ") and text.strip().endswith("runs/student/audit.json")


@pytest.mark.usefixtures("cheap")
def test_a_fail_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Softmax inside, in a network of one's own."""
    assert command("audit", "py:broken:network", "--data", DATA, "--output", "here.json") == 1
    row = written("here.json")
    assert row["verdict"] == "fail" and found(row, "A3")["verdict"] == "fail"
    assert row["model"] == "py:broken:network" and not Path("audit.json").exists()
    text = capsys.readouterr().out
    assert "A softmax inside the network" in text and "presupposes A3" in text


@pytest.mark.usefixtures("cheap")
def test_what_is_printed_fits_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert command("audit", "py:broken:network", "--data", DATA) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-1])) <= 80 and Path("audit.json").exists()


@pytest.mark.usefixtures("cheap")
def test_a_checkpoint_says_nothing_of_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["runs/student/checkpoints/last", "--samples", "20", "--budget", "L2(0.2)"]
    assert command("audit", *words) == 2
    assert "is no run that names its data. Give --data demo, folder:PATH or npz:PATH." in capsys.readouterr().err
    command("audit", *words, "--data", DATA)
    row = written("runs/student/checkpoints/last/audit.json")
    assert (row["n"], row["teacher"], row["model"], row["budget"]) == (20, None, "model", "L2(0.2)")
    assert found(row, "E32")["verdict"] == found(row, "E30")["verdict"] == "skipped"


@pytest.mark.usefixtures("cheap")
def test_other_images_are_not_the_record_s() -> None:
    archive(Path("other.npz"), seed=1, train=20, test=30)
    assert command("evaluate", "runs/teacher", "--attacks", "clean") == 0
    command("audit", "runs/teacher", "--data", "npz:other.npz")
    row = written("runs/teacher/audit.json")
    assert row["n"] == 30 and "not reported" in found(row, "A10")["measured"]
    assert found(row, "E34")["verdict"] == found(row, "E32")["verdict"] == "skipped"


@pytest.mark.parametrize(("words", "samples", "strong"), [(["--full"], 1000, 1000), (["--samples", "9"], 9, 1)])
def test_how_much_is_done(words: list[str], samples: int, strong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def remember(*networks: object, **options: Any) -> None:
        given.update(options)
        raise ValueError("enough")

    monkeypatch.setattr(robustill.cli.audit, "audit", remember)
    assert command("audit", "runs/teacher", *words) == 2
    assert (given["effort"].samples, given["effort"].strong) == (samples, strong)
    assert given["effort"].version == ("standard" if "--full" in words else "quick")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "Required: a run with a finished epoch.*nowhere, which does not exist"),
        (["runs/teacher", "--samples", "0"], "--samples must be at least 1. Found: 0"),
        (["runs/teacher", "--budget", "Linf(8)"], "Linf requires a radius in pixels"),
        (["runs/teacher", "--threads", "0"], "threads must be at least 1. Found: 0"),
        (["runs/teacher", "--teacher", "demo"], "must have the same classes"),
        (["runs/teacher", "--sample", "3"], "There is no setting 'sample'. Did you mean 'samples'"),
        (["py:nothing:there", "--data", DATA], "Cannot import 'nothing'"),
    ],
    ids=["nowhere", "samples", "budget", "threads", "teacher", "slip", "import"],
)
def test_bad_input(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("audit", *words) == 2
    said = capsys.readouterr().err
    assert said.startswith("robustill audit: error: ") and said.count("\n") == 1 and re.search(message, said), said
    assert not list(Path().rglob("audit.json"))


@pytest.mark.usefixtures("cheap")
def test_an_evaluation_is_the_record_of_its_own_images_only() -> None:
    """Of a run it may be of other images than the run's own; of a checkpoint it is of those that were named."""
    archive(Path("other.npz"), seed=1, train=20, test=30)
    single = "runs/student/checkpoints/last"
    for target, data, name in (("runs/teacher", "npz:other.npz", "runs/teacher"), (single, DATA, single)):
        assert command("evaluate", target, "--attacks", "clean", "--data", data) == 0
        for asked, reported in ((data, True), (DATA, data == DATA)):
            command("audit", target, "--data", asked)
            measured = found(written(f"{name}/audit.json"), "A10")["measured"]
            assert ("not reported" not in measured) == reported
    command("audit", "runs/teacher")
    assert "not reported" in found(written("runs/teacher/audit.json"), "A10")["measured"]
