"""The first screen's few lines, and the numbers that a protocol says in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robustill.prepare import prepare
from robustill.protocol import protocol
from robustill.report import read_study
from robustill.report.brief import brief
from robustill.report.facts import fact, forward_cost, number_of_test_images, step_cost, teacher_parameters
from robustill.report.images import images, measured_on
from robustill.report.statistics import fit
from robustill.train import train
from tests.report.fabricate import AUDIT, evaluate, run_directory, teacher_directory
from tests.report.full import full_pair
from tests.small import archive, small_run


def lines(paths: list[Path]) -> dict[str, str]:
    return {label: text.replace("\u00a0", " ") for label, text in brief(read_study(paths))}


def test_facts_are_found_in_the_protocol_that_a_run_writes(tmp_path: Path) -> None:
    data = archive(tmp_path / "d.npz")
    train(small_run(data, epochs=1), tmp_path / "teacher")
    setting = prepare(small_run(data, method="RSLAD()", teacher=f"run:{tmp_path / 'teacher'}"))
    rows = protocol(setting)
    assert number_of_test_images(rows) == (setting.dataset.name, 40)
    assert teacher_parameters(rows) == 426
    assert step_cost(rows) == round(setting.units, 1)
    assert forward_cost(rows) == pytest.approx(setting.student_macs / 1e6, abs=0.051)
    assert fact(rows, "seed") == "0" and fact(rows, "nothing") == ""


def test_a_protocol_without_numbers_gives_none() -> None:
    rows = [("data", "something"), ("student", "a net"), ("cost", "unknown")]
    assert (number_of_test_images(rows), teacher_parameters(rows), step_cost(rows), forward_cost(rows)) == (
        None,
        None,
        None,
        None,
    )


def test_the_lines_say_what_was_trained_measured_and_audited(tmp_path: Path) -> None:
    found = lines(full_pair(tmp_path))
    assert found["Student"] == "SmallCNN(width=16), 20,490 parameters"
    assert found["Teacher"] == "run:somewhere/teacher: SmallCNN(width=64), 839,434 parameters"
    assert found["Seeds"] == "0: one run of each method"
    assert found["Measured on"].startswith(
        "a subset of 400 of the 2,000 test images of demo; PGD-20 is PGD(budget=Linf"
    )
    assert "; AutoAttack is AutoAttack(budget=Linf(8/255))" in found["Measured on"]
    assert found["Audit"] == (
        "base warn (1 warn, 1 pass; 256 images); igdm warn (1 warn, 1 pass; 256 images); 1 run not audited"
    )


def test_what_differs_is_said_to_differ_and_seeds_are_listed(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / f"{epochs}", epochs=epochs, seed=epochs) for epochs in (4, 5, 6)]
    found = lines(paths)
    assert found["Training"] == "3 different ones, named in the protocol below"
    assert found["Seeds"] == "4 to 6: one run of each method"
    assert "Measured on" not in found
    assert found["Audit"] == "none of these runs has been audited; “robustill audit RUN” does that"


def test_many_audits_are_counted(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / str(seed), seed=seed) for seed in range(4)]
    for path, verdict in zip(paths, ("pass", "fail", "pass", "warn"), strict=True):
        (path / "audit.json").write_text(json.dumps(AUDIT | {"verdict": verdict}))
    assert brief(read_study(paths))[-1] == ("Audit", "1 fail; 1 warn; 2 pass")


@pytest.mark.parametrize(
    ("n", "data", "words"),
    [
        (2000, "demo", "all 2,000 test images"),
        (400, "demo", "a subset of 400 of the 2,000 test images"),
        (400, "elsewhere", "400 test images"),
    ],
)
def test_a_subset_is_called_one(tmp_path: Path, n: int, data: str, words: str) -> None:
    path = run_directory(tmp_path / "run")
    evaluate(path, "best", {"clean": 0.5}, n=n, flags=False, pictures=0)
    file = path / "evaluation" / "best.json"
    row = json.loads(file.read_text())
    row.pop("digest", None)  # changed on purpose
    file.write_text(json.dumps(row | {"data": data}))
    study = read_study([path])
    assert images(study, study.records[0].evaluations["best"], n) == words
    assert measured_on(study) == f"{words} of {data}"


def test_a_teacher_measured_on_the_same_data_is_known_to_be_measured_on_a_subset(tmp_path: Path) -> None:
    paths = [teacher_directory(tmp_path / "big", {"clean": 0.9}), run_directory(tmp_path / "run")]
    study = read_study(paths)
    assert images(study, study.teachers[0].evaluations["best"], 400).startswith("a subset of 400")


def test_a_line_is_fitted_only_where_there_is_one() -> None:
    found = fit([1, 2, 3], [2, 4, 7])
    assert found is not None and found.n == 3
    assert found.slope == pytest.approx(2.5) and found.intercept == pytest.approx(-2 / 3)
    assert found.r == pytest.approx(5 / (2**0.5 * (38 / 3) ** 0.5))
    assert fit([1, 2], [2, 4]) is None
    assert fit([1, 1, 1], [2, 4, 6]) is None
    assert fit([1, 2, 3], [5, 5, 5]) is None
