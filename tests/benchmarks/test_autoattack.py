"""The benchmark that times AutoAttack beside pyautoattack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pyautoattack")

from benchmarks.autoattack import ATTACKS, ENGINES, Task, compare, table

SHORT = Task(images=6, part=4, batch=3, repeats=1, steps=3, queries=20)


def test_both_engines_evaluate_every_part_with_the_same_verdicts(tmp_path: Path) -> None:
    said: list[str] = []
    result = compare(SHORT, tmp_path / "short.json", said.append)
    assert sorted(result["turns"]) == [f"0/{part}/{engine}" for part in (0, 1) for engine in ENGINES]
    assert result["verdicts_that_differ"] == []
    for engine in ENGINES:
        seconds = result["seconds"][engine]
        assert all(seconds[attack] > 0 for attack in (*ATTACKS[engine], "all"))
        assert sum(seconds[attack] for attack in ATTACKS[engine]) <= seconds["all"]
    assert result["times"]["all"] == pytest.approx(
        result["seconds"]["reference"]["all"] / result["seconds"]["ours"]["all"], rel=0.01
    )
    assert f"of {SHORT.images}; differ: 0" in table(result)


def test_turns_that_were_taken_are_not_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "short.json"
    first = compare(SHORT, path, lambda _: None)
    kept = json.loads(path.read_text())
    del kept["turns"]["0/1/ours"]
    path.write_text(json.dumps(kept))
    said: list[str] = []
    second = compare(SHORT, path, said.append)
    assert len(said) == 1 and said[0].startswith("0/1/ours")
    assert second["stand"] == first["stand"]
    assert all(second["turns"][name] == turn for name, turn in first["turns"].items() if name != "0/1/ours")
