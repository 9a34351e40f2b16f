"""Points that are finished, interrupted, wrong or killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from robustill.results import RunDirectory
from robustill.sweep import Outcome, Sweep, Task, conduct_sweep, finish, read_sweep
from robustill.sweep.local import Local
from tests.small import archive

SWEEP = """
settings: {{data: "{data}", student: SmallCNN(width=2), epochs: {epochs}, batch_size: 40, validation: 0,
            attack: "PGD(budget=Linf(0.1), steps=1, step_size=0.1)", precision: float32, threads: 1}}
grid: {{seed: [0, 1]}}
evaluate: {{attacks: [clean, pgd1]}}
"""


def small_sweep(folder: Path, epochs: int = 2) -> Sweep:
    file = folder / "sweep.yaml"
    file.write_text(SWEEP.format(data=archive(folder / "d.npz"), epochs=epochs))
    return read_sweep(file)


def numbers(outcome: Outcome) -> object:
    assert outcome.error is None, outcome.error
    row = RunDirectory(outcome.task.directory).evaluations()["last"].to_json()
    return row["accuracies"]


def weights(outcome: Outcome) -> bytes:
    return (RunDirectory(outcome.task.directory).checkpoint("last") / "model.safetensors").read_bytes()


def test_side_by_side_is_as_one_after_the_other_and_a_second_call_does_nothing(tmp_path: Path) -> None:
    sweep = small_sweep(tmp_path)
    for point in sweep.points:
        assert finish(Task(point, tmp_path / "one")) is None
    done = list(conduct_sweep(sweep, tmp_path / "two", Local(jobs=2)))
    by_name = {outcome.task.name: outcome for outcome in done}
    assert len(by_name) == 2
    for point in sweep.points:
        alone = Outcome(Task(point, tmp_path / "one"))
        assert numbers(by_name[point.name]) == numbers(alone)
        assert weights(by_name[point.name]) == weights(alone)

    def nobody(tasks: object, *, retries: int) -> object:
        raise AssertionError("nothing is left to do")

    again = list(conduct_sweep(sweep, tmp_path / "two", nobody))  # type: ignore[arg-type]
    assert [outcome.error for outcome in again] == [None, None]


def test_a_point_stopped_between_two_evaluations_is_not_finished(tmp_path: Path) -> None:
    task = Task(small_sweep(tmp_path).points[0], tmp_path / "out")
    best = task.directory / "evaluation" / "best.json"
    assert finish(task) is None
    best.unlink()
    assert not task.finished
    assert finish(task) is None and best.is_file()


def test_a_point_that_cannot_be_done_is_not_tried_again_and_stops_no_other(tmp_path: Path) -> None:
    sweep = small_sweep(tmp_path)
    blocked = Task(sweep.points[0], tmp_path / "out")
    blocked.directory.mkdir(parents=True)
    (blocked.directory / "file").touch()
    outcomes = {o.task.name: o.error for o in conduct_sweep(sweep, tmp_path / "out", Local(jobs=2), retries=3)}
    assert "must be new or empty" in str(outcomes[blocked.point.name])
    assert blocked.log.read_text().count("must be new or empty") == 1
    assert outcomes[sweep.points[1].name] is None


def test_a_killed_point_is_tried_again_from_its_last_epoch(tmp_path: Path) -> None:
    sweep = small_sweep(tmp_path, epochs=40)
    (first, *_) = sweep.points
    sweep, alone, tried = Sweep((first,)), Task(first, tmp_path / "alone"), Task(first, tmp_path / "tried")
    assert finish(alone) is None
    killer = subprocess.Popen([sys.executable, "-c", KILLER, str(tried.directory)])
    outcomes = list(conduct_sweep(sweep, tmp_path / "tried", Local(), retries=1))
    assert killer.wait() == 0, "nothing was killed"
    assert numbers(outcomes[0]) == numbers(Outcome(alone)) and weights(outcomes[0]) == weights(Outcome(alone))


def test_without_retries_left_the_signal_is_named(tmp_path: Path) -> None:
    sweep = Sweep(small_sweep(tmp_path, epochs=40).points[:1])
    killer = subprocess.Popen([sys.executable, "-c", KILLER, str(tmp_path / "out" / sweep.points[0].name)])
    (outcome,) = conduct_sweep(sweep, tmp_path / "out", Local(), retries=0)
    assert killer.wait() == 0
    assert f"killed by signal {signal.SIGKILL.value}" in str(outcome.error)


KILLER = """
import os, signal, sys, time
from pathlib import Path
metrics = Path(sys.argv[1]) / "metrics.jsonl"
end = time.monotonic() + 120
while time.monotonic() < end:
    if metrics.exists():
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if b"robustill.sweep.local" in (folder / "cmdline").read_bytes() and sys.argv[1].encode() in (
                    os.readlink(folder / "fd" / "1").encode().replace(b"/logs/", b"/").removesuffix(b".txt")
                ):
                    os.kill(int(folder.name), signal.SIGKILL)
                    sys.exit(0)
            except OSError:
                pass
    time.sleep(0.01)
sys.exit(1)
"""
