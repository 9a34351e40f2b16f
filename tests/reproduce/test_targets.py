"""What the targets ask for at every scale, and that they share their runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from robustill.methods import AdaAD
from robustill.objectives import IGDM, StudentCE
from robustill.recipes import recipe
from robustill.recipes.paper import Cell
from robustill.reproduce import TARGETS, measurings, scale_named, targets_named
from robustill.reproduce.images import Images
from robustill.reproduce.scales import Paper, Scale
from robustill.reproduce.subjects import Subject, needed, subjects
from robustill.run import Run


def trained(scale: Scale, *names: str) -> set[str]:
    return {name for name, one in subjects(measurings(names, scale)).items() if one.run is not None}


# Every network that is trained: students, and where the scale has its own, teacher and surrogate
COUNTS = {
    "demo": {"table1": 0, "table2": 12, "table3": 4, "table4": 12, "table5": 8, "table6": 13, "fig2": 3, "fig4": 12}
    | {"fig5": 5, "all": 28},
    "mini": {"table1": 1, "table2": 37, "table3": 13, "table4": 37, "table5": 25, "table6": 38, "fig2": 10}
    | {"fig4": 37, "fig5": 16, "all": 83},
    "paper": {"table1": 0, "table2": 64, "table3": 4, "table4": 64, "table5": 8, "table6": 13, "fig2": 3, "fig4": 12}
    | {"fig5": 5, "all": 134},
}


@pytest.mark.parametrize("name", COUNTS)
def test_so_many_networks_are_trained(name: str) -> None:
    scale = scale_named(name)
    assert {target: len(trained(scale, target)) for target in COUNTS[name]} == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_the_ablations_share_the_runs_of_table_2(name: str) -> None:
    scale = scale_named(name)
    main = trained(scale, "table2")
    assert trained(scale, "table5", "fig4", "fig5") <= main
    assert len(trained(scale, "table3") - main) == 2 * scale.seeds
    assert len(trained(scale, "table6") - main) == 1  # the surrogate
    assert len(trained(scale, "fig2") - main) == {"demo": 1, "mini": 3, "paper": 3}[name]


def test_seeds_come_one_after_the_other_so_that_a_study_that_is_stopped_has_whole_pairs() -> None:
    order = [one.run.seed for one in subjects(measurings(["table2"], scale_named("mini"))).values() if one.run]
    assert order == [0] + 12 * [0] + 12 * [1] + 12 * [2]


def test_students_come_with_their_teacher_first() -> None:
    wanted = measurings(["table2"], scale_named("mini"))
    (teacher,) = needed(wanted).values()
    assert next(iter(subjects(wanted).values())) == teacher
    assert {one.subject.teacher for one in wanted} == {teacher}


def test_paper_runs_are_the_recipes() -> None:
    scale = Paper()
    cell = Cell("CIFAR-100", "MobileNetV2", "IKL-AT", "RSLAD", True)
    run = scale.student(cell, 0).run_in(Path("runs"))
    texts = recipe("cifar100-mobilenetv2-ikl-rslad-igdm")
    assert run == Run.from_texts(texts | {"data": "cifar100"})


def test_a_training_that_does_not_ask_the_teacher_stands_for_all_three() -> None:
    scale = Paper()
    of = {t: scale.student(Cell("CIFAR-10", "ResNet-18", t, "TRADES"), 0) for t in ("LTD", "BDM-AT", "IKL-AT")}
    assert len({one.name for one in of.values()}) == 1
    plus = {t: scale.student(Cell("CIFAR-10", "ResNet-18", t, "TRADES", True), 0).name for t in of}
    assert len(set(plus.values())) == 3
    names = {m.evaluation for m in measurings(["table2"], scale) if m.subject.name == of["LTD"].name}
    assert names == {"last", "last-bdm-at", "last-ikl-at"}


def test_table_3_attacks_without_the_teacher() -> None:
    run = Paper().student(Cell("CIFAR-100", "ResNet-18", "BDM-AT", "AdaAD w/o T_in", True), 0).run
    assert run is not None and run.method == AdaAD(inner=StudentCE()) + IGDM(alpha=70)


@pytest.mark.parametrize("name", ["demo", "mini"])
def test_small_scales_have_the_papers_weights_and_rslad_their_proportion(name: str) -> None:
    scale = scale_named(name)
    for method, alpha in {"PGD-AT": 60, "TRADES": 20, "ARD": 5, "IAD": 50, "RSLAD": 9, "AdaAD": 5}.items():
        run = scale.student(Cell("CIFAR-100", "ResNet-18", "BDM-AT", method, True), 0).run
        assert run is not None and run.method.terms == (IGDM(alpha=alpha),)
        assert getattr(run.method, "scale", 1.0) == 1.0


def test_a_name_depends_on_what_is_trained_and_on_nothing_else(tmp_path: Path) -> None:
    teacher = Subject("t", Images("demo"), source="demo")
    run = Run.from_texts({"student": "SmallCNN()", "method": "ARD()"})
    one = Subject("ARD", Images("demo"), run, teacher=teacher)
    assert (
        replace(one, run=replace(run, threads=3, device="cpu", recipe="cifar100-resnet18-bdm-rslad-igdm")).name
        == one.name
    )
    assert replace(one, label="other").name == one.name
    for other in (
        replace(one, run=replace(run, seed=1)),
        replace(one, run=replace(run, epochs=7)),
        replace(one, images=Images("demo", 100)),
        replace(one, teacher=None),
        replace(one, teacher=replace(teacher, source="file:x")),
    ):
        assert other.name != one.name
    assert one.name.startswith("ard-smallcnn-seed0-")


def test_a_run_knows_where_it_lies(tmp_path: Path) -> None:
    images = Images("demo", 100)
    run = Run.from_texts({"student": "SmallCNN()"})
    teacher = Subject("t", images, run)
    student = replace(teacher, teacher=teacher).run_in(tmp_path)
    assert student is not None
    assert student.teacher == f"run:{tmp_path / teacher.name}"
    assert student.data == images.text(tmp_path) and student.data.startswith(f"npz:{tmp_path}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "large"}, r"--scale must be one of demo, mini, paper. Found: 'large'"),
        ({"name": "demo", "seeds": 0}, r"--seeds must be at least 1. Found: 0"),
        ({"name": "paper", "data": "demo"}, r"--scale paper has images and teachers of its own. Found: --data demo"),
        ({"name": "paper", "teacher": "demo"}, r"Found: --teacher demo"),
    ],
    ids=["name", "seeds", "data", "teacher"],
)
def test_what_no_scale_takes_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scale_named(**arguments)  # type: ignore[arg-type]


def test_targets_by_name() -> None:
    assert [target.name for target in targets_named(["all", "fig2"])] == [*TARGETS]
    assert [target.name for target in targets_named(["fig5", "table1", "fig5"])] == ["fig5", "table1"]
    with pytest.raises(ValueError, match=r"A target is one of table1, .* or all. Found: 'tabel2'. Did you mean table2"):
        targets_named(["tabel2"])
