"""A run that is killed three times ends with the weights of the run that was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill_test import SETTINGS, differences, kill_test
from robustill.results import RunDirectory
from robustill.train import train
from tests.small import archive, small_run


@pytest.mark.slow
def test_three_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    settings = SETTINGS | {"data": archive(tmp_path / "d.npz"), "teacher": f"run:{tmp_path / 'teacher'}"}
    train(small_run(settings["data"], epochs=1), tmp_path / "teacher")
    settings |= {"validation": "40", "batch_size": "4"}
    table = kill_test(tmp_path, kills=3, epochs=6, seed=0, settings=settings)
    assert len(table["kills"]) == 3 and any(row["was_running"] for row in table["kills"])
    assert table["differences"] == []


def test_a_run_that_differs_is_told(tmp_path: Path) -> None:
    data = archive(tmp_path / "d.npz")
    one, other = (train(small_run(data, epochs=1, seed=seed), tmp_path / f"{seed}") for seed in (0, 1))
    assert differences(one, RunDirectory(one.path)) == []
    assert differences(one, other) == ["last weights", "best weights", "metrics", "state"]
