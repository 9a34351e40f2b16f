"""The file of a sweep: which points it means, and the sentence for each wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustill.methods import PGDAT, RSLAD
from robustill.objectives import IGDM
from robustill.sweep import read_sweep
from robustill.sweep.plan import summary


def written(folder: Path, text: str) -> Path:
    file = folder / "sweep.yaml"
    file.write_text(text)
    return file


def test_every_combination_of_the_grid_over_recipe_and_settings(tmp_path: Path) -> None:
    text = """
    recipe: demo
    settings: {epochs: 3}
    grid: {method: ["PGDAT()", "PGDAT() + IGDM(alpha=10)"], seed: [0, 1, 2]}
    evaluate: {attacks: [clean, pgd5], samples: 10}
    """
    points = read_sweep(written(tmp_path, text)).points
    methods = [PGDAT()] * 3 + [PGDAT() + IGDM(alpha=10)] * 3
    assert [point.run.method for point in points] == methods
    assert [point.run.seed for point in points] == [0, 1, 2, 0, 1, 2]
    assert {point.run.epochs for point in points} == {3} and {point.run.data for point in points} == {"demo"}
    assert all(point.measures == {"attacks": ["clean", "pgd5"], "samples": 10} for point in points)
    assert summary(points) == "6 points: 2 methods, 1 student, 3 seeds"


def test_a_list_of_runs_is_crossed_with_the_grid_and_wins_over_settings(tmp_path: Path) -> None:
    text = """
    settings: {student: SmallCNN(), epochs: 3}
    runs: [{method: PGDAT()}, {method: RSLAD(), teacher: demo, epochs: 5}]
    grid: {seed: [0, 1]}
    """
    points = read_sweep(written(tmp_path, text)).points
    assert [(p.run.method, p.run.epochs, p.run.seed) for p in points] == [
        (PGDAT(), 3, 0),
        (PGDAT(), 3, 1),
        (RSLAD(), 5, 0),
        (RSLAD(), 5, 1),
    ]


def test_names_stay_when_the_sweep_grows_and_equal_points_are_one(tmp_path: Path) -> None:
    small = read_sweep(written(tmp_path, "{recipe: demo, grid: {seed: [1]}}")).points
    grown = read_sweep(written(tmp_path, "{recipe: demo, grid: {seed: [0, 1, 1], epochs: [15, 20]}}")).points
    assert len(grown) == len({point.name for point in grown}) == 4
    assert small[0].name in {point.name for point in grown} and small[0].name.startswith("rslad-smallcnn-seed1-")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{recipe: demo, grids: {seed: [0]}}", "grids.*Did you mean 'grid'"),
        ("{recipe: demo, grid: {seed: 0}}", "grid: seed must be a list of values.*Found: 0"),
        ("{recipe: demo, grid: {seed: []}}", "grid: seed must be a list of values"),
        ("{recipe: demo, grid: [1]}", "grid must be keys with values"),
        ("{recipe: demo, runs: {seed: 0}}", "runs must be a list of mappings"),
        (
            "{recipe: demo, grid: {seed: [0], epochs: [1]}, runs: [{seed: 5}, {epochs: 6}]}",
            "grid and runs must set different settings. Found in both: seed, epochs. Leave each in one.",
        ),
        ("{recipe: demo, runs: []}", "at least one point"),
        ("{recipe: demo, grid: {sed: [0]}}", r"the point .*sed.*Did you mean 'seed'"),
        ("{recipe: demo, grid: {seed: [-1]}}", r"the point \{'seed': -1\}: seed must be at least 0"),
        ("{recipe: dmo, grid: {seed: [0]}}", "Did you mean demo"),
        ("{recipe: demo, evaluate: {attack: clean}}", "evaluate: .*Did you mean 'attacks'"),
        ("{recipe: demo, evaluate: {attacks: clean}}", "attacks must be a list"),
        ("[1]", "must hold keys with values"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_sweep(written(tmp_path, text))
