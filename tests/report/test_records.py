from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from robustill.report.records import read_record, read_study
from tests.report.fabricate import AUDIT, PROFILE, evaluate, run_directory, teacher_directory

IGDM = "PGDAT() + IGDM(alpha=10)"


def test_runs_are_grouped_by_everything_but_the_seed_and_paired_with_their_base(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / f"igdm{seed}", method=IGDM, seed=seed) for seed in (2, 0)]
    paths += [run_directory(tmp_path / f"base{seed}", seed=seed) for seed in (1, 0, 2)]
    paths.append(run_directory(tmp_path / "longer", method=IGDM, epochs=9))
    study = read_study(paths)
    assert [[record.seed for record in group.records] for group in study.groups] == [[0, 1, 2], [0, 2], [0]]
    assert [group.method for group in study.groups] == ["PGDAT()", IGDM, IGDM]
    (pair,) = study.pairs
    assert (pair.base, pair.plus, pair.added) == (study.groups[0], study.groups[1], "IGDM(alpha=10)")
    assert [(base.name, plus.name) for base, plus in pair.seeds()] == [("base0", "igdm0"), ("base2", "igdm2")]


def test_labels_say_what_tells_groups_apart(tmp_path: Path) -> None:
    one = read_study([run_directory(tmp_path / "a", method=IGDM)])
    assert one.label(one.groups[0]) == "PGDAT + IGDM(alpha=10)"
    two = read_study([tmp_path / "a", run_directory(tmp_path / "b", settings={"student": "ResNet()"})])
    assert [two.label(group) for group in two.groups] == [
        "PGDAT, student ResNet",
        "PGDAT + IGDM(alpha=10), student SmallCNN(width=16)",
    ]


def test_a_network_as_large_as_the_students_teacher_is_it(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / "run"), teacher_directory(tmp_path / "big", {"clean": 0.9})]
    study = read_study(paths)
    assert [teacher.name for teacher in study.teachers] == ["big"]
    assert len(study.groups) == 1


def test_a_checkpoint_that_is_nobodys_teacher_is_called_by_its_name(tmp_path: Path) -> None:
    paths = [teacher_directory(tmp_path / name, {"clean": 0.9}) for name in ("one", "other")]
    alone, both = read_study(paths[:1]), read_study(paths)
    assert alone.teachers == both.teachers == ()
    assert [both.label(group) for group in both.groups] == ["one", "other"]
    evaluate(paths[0], "best", {"clean": 0.9}, agreement=None, teacher=False)  # of another size than the teacher
    found = read_study([*paths, run_directory(tmp_path / "run")])
    assert [teacher.name for teacher in found.teachers] == ["other"]
    assert [found.label(group) for group in found.groups] == ["one", "PGDAT"]


def test_a_second_teacher_is_one_too(tmp_path: Path) -> None:
    natural = run_directory(tmp_path / "natural", teacher=None, method="Natural()")
    student = run_directory(tmp_path / "student", settings={"natural_teacher": "run:runs/natural"})
    assert [t.name for t in read_study([natural, student]).teachers] == ["natural"]


def test_a_run_that_others_name_as_their_teacher_is_one(tmp_path: Path) -> None:
    teacher = run_directory(tmp_path / "teacher", teacher=None)
    student = run_directory(tmp_path / "student", teacher="run:runs/teacher/checkpoints/best")
    assert [t.name for t in read_study([student, teacher]).teachers] == ["teacher"]
    alone = read_study([teacher])
    assert alone.teachers == ()
    assert len(alone.groups) == 1


def test_a_path_named_twice_counts_once(tmp_path: Path) -> None:
    path = run_directory(tmp_path / "run")
    assert len(read_study([path, tmp_path / "." / "run"]).records) == 1


def test_an_epoch_written_twice_counts_once(tmp_path: Path) -> None:
    path = run_directory(tmp_path / "run", epochs=4, done=3)
    log = path / "metrics.jsonl"
    log.write_text(log.read_text() + '{"epoch": 3, "loss": 9.5}\n{"epoch": 4, "lo')
    record = read_record(path)
    assert [row["epoch"] for row in record.metrics] == [1, 2, 3]
    assert record.metrics[-1]["loss"] == 9.5
    assert record.unfinished


def test_a_run_that_was_only_measured_here_is_not_called_unfinished(tmp_path: Path) -> None:
    path = run_directory(tmp_path / "run", done=0, accuracies={"last": {"clean": 0.9}})
    assert not read_record(path).unfinished
    assert read_record(run_directory(tmp_path / "started", done=0)).unfinished


@pytest.mark.parametrize("kind", ["is an ordinary directory", "is a file", "does not exist"])
def test_a_path_that_is_no_run_directory_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "thing"
    if kind == "is a file":
        path.write_text("")
    elif kind == "is an ordinary directory":
        path.mkdir()
    with pytest.raises(ValueError, match=re.escape(f"{path} {kind}. Name a directory that")):
        read_study([path])


def test_no_runs_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one run directory; none was named"):
        read_study([])


@pytest.mark.parametrize("name", ["audit.json", "profile.json"])
def test_a_file_of_another_kind_is_named_by_its_run(tmp_path: Path, name: str) -> None:
    path = run_directory(tmp_path / "run")
    (path / name).write_text('{"something": "else"}')
    with pytest.raises(ValueError, match=r"run directory .*run holds a file that robustill did not write"):
        read_study([path])


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("audit.json", AUDIT | {"n": None}),
        ("audit.json", AUDIT | {"findings": None}),
        ("audit.json", AUDIT | {"findings": "x"}),
        ("audit.json", AUDIT | {"findings": [{}]}),
        ("profile.json", PROFILE | {"phase_seconds": []}),
    ],
)
def test_entries_of_another_kind_are_refused(tmp_path: Path, name: str, entries: dict[str, object]) -> None:
    path = run_directory(tmp_path / "run")
    (path / name).write_text(json.dumps(entries))
    with pytest.raises(ValueError, match=r"run directory .*run holds a file that robustill did not write"):
        read_study([path])


@pytest.mark.parametrize(
    "name", ["run.yaml", "protocol.json", "evaluation/best.json", "evaluation/best.npz", "audit.json"]
)
def test_a_damaged_file_is_named_by_its_run(tmp_path: Path, name: str) -> None:
    path = run_directory(tmp_path / "run")
    evaluate(path, "best", {"clean": 0.5})
    (path / name).write_text("{[broken")
    with pytest.raises(ValueError, match=r"run directory .*run holds a file that robustill did not write or that is"):
        read_study([path])


def test_one_experiment_twice_is_refused(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / name, seed=3) for name in ("one", "copy")]
    with pytest.raises(ValueError, match="one and copy have the same settings and seed 3"):
        read_study(paths)
