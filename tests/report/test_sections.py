"""Each section of the page: that it is there where its numbers are, that these are true, and what it says in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustill.report import read_study
from robustill.report.sections import sections
from robustill.report.sections.base import Section
from robustill.report.table import Cell, Table
from robustill.results import Accuracy, Evaluation, RunDirectory
from tests.report.fabricate import evaluate, run_directory, teacher_directory
from tests.report.full import full_pair, twenty_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return full_pair(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def page(runs: list[Path]) -> dict[str, Section]:
    return {section.id: section for section in sections(read_study(runs))}


def written(run: Path) -> Evaluation:
    return Evaluation.from_json(json.loads((run / "evaluation" / "best.json").read_text()))


def table(section: Section) -> Table:
    (found,) = section.folds[0].tables
    return found


def row(found: Table, network: int) -> dict[str, Cell]:
    return dict(
        zip([column.title.replace("\u00a0", " ") for column in found.columns], found.rows[network], strict=True)
    )


def test_a_study_of_which_everything_was_measured_has_every_section_and_names_of_files_occur_once(
    page: dict[str, Section],
) -> None:
    expected = "results tradeoff audit training agreement radius stages gap classes gradients gallery surfaces"
    assert list(page) == [*expected.split(), "linearity", "distances", "cost", "profile", "protocol", "settings"]
    charts = [chart.name for section in page.values() for chart in section.charts]
    tables = [found.name for section in page.values() for found in section.tables]
    assert len(charts) == len(set(charts)) and len(tables) == len(set(tables))


def test_every_chart_has_a_table_behind_a_fold_and_says_in_words_what_it_shows(page: dict[str, Section]) -> None:
    for section in page.values():
        assert not section.charts or any(fold.tables for fold in section.folds), section.id
        assert all(len(chart.alt) > 20 for chart in section.charts)


def test_stages_are_those_of_autoattack(page: dict[str, Section], runs: list[Path]) -> None:
    for place, run in enumerate(runs):
        accuracy = written(run).accuracies["autoattack"]
        cells = row(table(page["stages"]), place)
        for stage, correct in (accuracy.stages or {}).items():
            assert cells[stage].value == correct / accuracy.n
            assert cells[stage].text == f"{100 * correct / accuracy.n:.2f}"
        assert cells["n"].value == 400
    assert "AutoAttack(budget=Linf(8/255))" in table(page["stages"]).caption


def test_the_gap_is_what_autoattack_finds_beyond_pgd(page: dict[str, Section], runs: list[Path]) -> None:
    for place, run in enumerate(runs):
        found, cells = written(run).accuracies, row(table(page["gap"]), place)
        difference = found["autoattack"].accuracy - found["pgd20"].accuracy
        assert cells["Difference"].value == pytest.approx(difference) and difference < 0
    assert page["gap"].title == "PGD-20 and AutoAttack"


def test_accuracies_of_different_images_have_no_gap(tmp_path: Path) -> None:
    path = run_directory(tmp_path / "run", accuracies={"best": {"clean": 0.9, "pgd20": 0.8, "autoattack": 0.7}})
    assert "gap" in {section.id for section in sections(read_study([path]))}
    file = path / "evaluation" / "best.json"
    row = json.loads(file.read_text())
    row.pop("digest", None)  # changed on purpose
    row["accuracies"]["autoattack"] |= {"n": 100, "correct": 70, "stages": {"clean": 90, "apgd-ce": 70}}
    file.write_text(json.dumps(row))
    found = {section.id: section for section in sections(read_study([path]))}
    assert "gap" not in found and found["results"].table is not None
    assert (
        "400 of the 2,000 test images (Clean, PGD-20) and a subset of 100 of the 2,000 test images (AutoAttack) of demo"
        in found["results"].table.caption
    )


def test_the_worst_class_is_named_with_its_share_and_its_n(page: dict[str, Section], runs: list[Path]) -> None:
    told = "The worst of all networks is Ankle boot: 0.0\u00a0% (PGDAT) to 12.5\u00a0% (Teacher) of 40."
    assert told in page["classes"].lead  # (400 - 330) / 2 of 40 are lost: all but 5
    for place, run in enumerate(runs):
        accuracy = written(run).accuracies["autoattack"]
        cells = row(table(page["classes"]), place)
        assert cells["Worst class"].text == written(run).classes[accuracy.worst_class or 0]
        assert [cell.value for cell in list(cells.values())[5:]] == [c / n for n, c in accuracy.by_class]


def test_with_many_classes_the_worst_are_drawn_and_the_table_has_all(tmp_path: Path) -> None:
    names = tuple(f"class {index}" for index in range(20))
    path = run_directory(tmp_path / "run", classes=names, accuracies={"best": {"clean": 0.9, "pgd20": 0.8}}, full=True)
    found = {section.id: section for section in sections(read_study([path]))}["classes"]
    drawn = [text.get_text() for text in found.charts[0].axes.texts]
    assert len(drawn) == 12 and drawn[0] == "class 19"
    assert "Of the 20 classes, the 12 worst are drawn." in found.lead
    assert len(table(found).columns) == 5 + 20


def test_the_curve_over_the_radius_has_the_points_of_the_file(page: dict[str, Section], runs: list[Path]) -> None:
    for place, run in enumerate(runs):
        cells = row(table(page["radius"]), place)
        points = written(run).curves["pgd20"]
        assert [cells[f"{255 * p.radius:g}/255"].value for p in points] == [p.accuracy.accuracy for p in points]


def test_distances_and_remainders_are_the_means_of_the_file(page: dict[str, Section], runs: list[Path]) -> None:
    (teacher, base, _), measures = runs, written(runs[1]).measures
    assert (
        row(table(page["linearity"]), 0)["uniform noise"].value == written(teacher).measures["remainder_uniform"].mean
    )
    assert row(table(page["linearity"]), 1)["uniform noise"].value == measures["remainder_uniform"].mean
    cells = row(table(page["distances"]), 0)  # the teacher has none
    assert cells["at the image itself"].value == written(base).measures["distance_clean"].mean
    assert "as measured" in table(page["distances"]).caption


def test_surfaces_of_the_teacher_and_both_students_have_one_scale(page: dict[str, Section], runs: list[Path]) -> None:
    section = page["surfaces"]
    assert [chart.title for chart in section.panels[0].charts] == ["Teacher", "base", "+ IGDM"]
    assert len({chart.axes.get_zlim() for chart in section.panels[0].charts}) == 1  # type: ignore[attr-defined]
    with np.load(runs[1] / "evaluation" / "best.npz") as arrays:
        kept = arrays["gallery_surface"][0]
    shown = [[cell.value for cell in line[1:]] for line in section.folds[0].tables[1].rows]
    assert np.allclose(np.array(shown, dtype=float), kept)


def test_an_image_that_the_attack_left_alone_has_no_surface(tmp_path: Path) -> None:
    path = run_directory(tmp_path / "run", accuracies={"best": {"clean": 0.9}}, pictures=1)
    file = path / "evaluation" / "best.npz"
    with np.load(file) as arrays:
        kept = dict(arrays)
    np.savez(file, **{**kept, "gallery_x_adv": kept["gallery_x"]})
    assert "surfaces" not in {section.id for section in sections(read_study([path]))}


def test_gradients_against_robustness_say_which_attack_and_n(tmp_path: Path, page: dict[str, Section]) -> None:
    assert "AutoAttack" in page["agreement"].charts[0].alt and "stands in" not in page["agreement"].lead
    assert "With n = 2 networks no correlation is computed" in page["agreement"].lead
    found = {section.id: section for section in sections(read_study(twenty_runs(tmp_path)))}
    lead = found["agreement"].lead
    assert "AutoAttack was not run on these networks, so PGD-20 stands in for it." in lead
    assert "over n = 7\u00a0networks" in lead
    assert {"stages", "gap", "radius", "classes"}.isdisjoint(found)


def test_the_cost_is_that_of_the_protocol(page: dict[str, Section]) -> None:
    assert [row(table(page["cost"]), at)["Student forwards"].value for at in (0, 1)] == [14.0, 14.0]
    assert row(table(page["cost"]), 0)["Length"].text == "6 epochs of 32 steps, batch 128"


def test_students_of_different_size_are_compared_in_multiply_accumulates(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / name, method=f"{name}()", accuracies={"best": {"pgd20": 0.5}}) for name in "AB"]
    protocol = paths[1] / "protocol.json"
    protocol.write_text(protocol.read_text().replace("1.1 M multiply", "2.2 M multiply"))
    (chart,) = {section.id: section for section in sections(read_study(paths))}["cost"].charts
    assert chart.axes.get_xlabel() == "M multiply-accumulates an image and step"
    assert "A 15.4 and 50.0 %; B 30.8 and 50.0 %" in chart.alt


def test_audit_and_profile_are_shown_as_they_were_written(page: dict[str, Section]) -> None:
    assert "PGDAT: warn (1 warn, 1 pass; 256 images of demo, Linf(8/255))" in page["audit"].lead
    assert page["audit"].table is not None
    assert [cells[1].text for cells in page["audit"].table.rows] == ["C2", "C2"]
    assert [cells[1].text for cells in table(page["audit"]).rows] == ["A1", "C2", "A1", "C2"]
    assert [cells[2].value for cells in table(page["profile"]).rows][:3] == [4.0, 30.0, 6.0]
    assert "attack: student: 30.0 ms, 75%" in page["profile"].charts[0].alt


def test_points_far_from_the_others_get_a_second_chart_without_them(tmp_path: Path) -> None:
    shares = {"A": 0.70, "B": 0.71, "C": 0.72, "D": 0.715, "far": 0.0}
    paths = [
        run_directory(
            tmp_path / name, method=f"{name}()", accuracies={"best": {"clean": 0.8 + share / 10, "pgd20": share}}
        )
        for name, share in shares.items()
    ]
    found = {section.id: section for section in sections(read_study(paths))}
    assert [chart.name for chart in found["tradeoff"].charts] == ["tradeoff", "tradeoff-near"]
    assert "The 4 that are close together" in found["tradeoff"].charts[1].title


def test_a_chart_of_networks_that_were_not_measured_alike_says_so(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / name, method=f"{name}()") for name in "AB"]

    def lead() -> str:
        return {section.id: section for section in sections(read_study(paths))}["tradeoff"].lead

    for path in paths:
        evaluate(path, "best", {"clean": 0.9, "pgd20": 0.4})
    assert "measured alike" not in lead()
    evaluate(paths[1], "best", {"clean": 0.9, "pgd20": 0.7}, adversary="PGD(budget=Linf(2/255), steps=20)")
    assert "Not all of these networks were measured alike" in lead()


def test_a_chart_of_very_many_runs_draws_one_seed_of_each_and_says_so(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / f"{seed}", seed=seed, epochs=2, validated=False) for seed in range(61)]
    found = {section.id: section for section in sections(read_study(paths))}["training"]
    assert "The first seed of each method is drawn; all 61 runs are in the table." in found.lead
    assert len(table(found).rows) == 122


def test_networks_are_told_apart_by_more_than_colour(tmp_path: Path) -> None:
    paths = []
    for index in range(9):
        path = run_directory(tmp_path / str(index), method=f"M{index}()", done=1, epochs=1)
        evaluate(path, "best", {"clean": 0.9, "pgd20": 0.5 + index / 50}, pictures=0)
        paths.append(path)
    looks = [key.look for key in {s.id: s for s in sections(read_study(paths))}["tradeoff"].panels[0].keys]
    assert len({(look.colour, look.marker, look.filled) for look in looks}) == 9


def test_an_attack_that_is_an_expression_names_files_without_a_folder(tmp_path: Path) -> None:
    path, attack = full_pair(tmp_path)[0], "PGD(budget=Linf(8/255), steps=3)"
    run = RunDirectory(path)
    for name, found in run.evaluations().items():
        accuracies = {**found.accuracies, attack: found.accuracies["pgd20"]}
        curves = {attack: found.curves["pgd20"]} if found.curves else {}
        changed = replace(found, accuracies=accuracies, curves=curves, arrays=run.arrays(name))
        run.save_evaluation(name, changed)
    (radius,) = [section for section in sections(read_study([path])) if section.id == "radius"]
    names = [*(chart.name for chart in radius.charts), *(table.name for table in radius.tables)]
    assert names == 2 * ["radius-PGD-budget-Linf-8-255-steps-3"]


def test_teachers_of_one_name_are_told_apart_and_each_has_its_settings(tmp_path: Path) -> None:
    teachers = [teacher_directory(tmp_path / folder / "best", {"clean": 0.9}) for folder in ("a", "b")]
    for seed, teacher in enumerate(teachers):
        RunDirectory(teacher).settings_file.write_text(f"data: demo\nseed: {seed}\n")
    study = read_study([*teachers, run_directory(tmp_path / "run", accuracies={"best": {"clean": 0.8}})])
    (settings,) = [section for section in sections(study) if section.id == "settings"]
    titles = [fold.title for fold in settings.folds]
    assert titles[:2] == ["Settings of Teacher a/best", "Settings of Teacher b/best"]


def test_seeds_that_were_attacked_otherwise_share_no_curve(tmp_path: Path) -> None:
    paths = [
        run_directory(tmp_path / str(seed), seed=seed, accuracies={"best": {"clean": 0.8, "pgd20": share}}, full=True)
        for seed, share in enumerate((0.5, 0.7))
    ]

    def curve() -> list[float | None]:
        (radius,) = [section for section in sections(read_study(paths)) if section.id == "radius"]
        return [cell.value for name, cell in row(table(radius), 0).items() if name.endswith("/255")]

    first, second = ([p.accuracy.accuracy for p in written(path).curves["pgd20"]] for path in paths)
    assert curve() == pytest.approx([(one + other) / 2 for one, other in zip(first, second, strict=True)])
    run = RunDirectory(paths[1])
    found = run.evaluations()["best"]
    attacked = replace(found.accuracies["pgd20"], adversary="PGD(budget=Linf(8/255), steps=3, step_size=2/255)")
    changed = replace(found, accuracies={**found.accuracies, "pgd20": attacked}, arrays=run.arrays("best"))
    run.save_evaluation("best", changed)
    assert curve() == pytest.approx(first)


def test_seeds_that_were_attacked_otherwise_share_no_stage_and_no_class(tmp_path: Path) -> None:
    shares = {"best": {"clean": 0.8, "pgd20": 0.5, "autoattack": 0.4}}
    paths = [run_directory(tmp_path / str(seed), seed=seed, accuracies=shares, full=True) for seed in range(2)]
    run = RunDirectory(paths[1])
    found = run.evaluations()["best"]
    other = Accuracy(adversary="AutoAttack(version='quick')", n=400, correct=40, by_class=((40, 4),) * 10)
    other = replace(other, stages={"clean": 320, "quick": 40})
    run.save_evaluation("best", replace(found, accuracies={**found.accuracies, "autoattack": other}))
    shown = {section.id: section for section in sections(read_study(paths))}
    alone = {section.id: section for section in sections(read_study(paths[:1]))}
    for name in ("stages", "classes"):
        values, first = ([cell.value for cell in table(page[name]).rows[0][4:]] for page in (shown, alone))
        assert values == first
