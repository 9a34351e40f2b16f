"""Does a run survive being killed? One run undisturbed; then the same run, killed at random moments and resumed.

    python benchmarks/kill_test.py --kills 20

SIGKILL leaves a process no time for anything. Most kills fall inside an epoch; a state is saved several times in each.
After the last kill the run is left alone to its end, and its last and best weights, its metrics (but for the seconds)
and its newest state are compared with the undisturbed run's, byte for byte. The table goes to
``benchmarks/results/kill_test.json``.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from robustill.environment import environment
from robustill.files import write_json
from robustill.results import RunDirectory
from robustill.training.checkpoint import read_state, states

RESULTS = Path(__file__).parent / "results" / "kill_test.json"
SETTINGS = {
    "data": "demo",
    "student": "SmallCNN(width=4)",
    "teacher": "demo",
    "method": "RSLAD(scale=1) + IGDM(alpha=10)",
    "attack": "PGD(budget=Linf(8/255), steps=2, step_size=4/255)",
    "average": "EMA(decay=0.9)",
    "perturbation": "AWP(gamma=0.005, begin=0.3)",
    "precision": "bfloat16",
    "validation": "200",
    "threads": "1",
    "checkpoint_minutes": "0.002",
}


def started(*words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "robustill", "train", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def flags(settings: dict[str, str], epochs: int, output: Path) -> list[str]:
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return [*words, "--epochs", str(epochs), "--output", str(output)]


def finished(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"The run failed by itself:\n{errors.decode()}")


def killed(
    words: list[str], run: RunDirectory, epochs: int, kills: int, draw: random.Random
) -> Iterator[dict[str, Any]]:
    """Kills the run again and again, as long as it is not done; tells where each kill met it.

    The moments are spread over the run: the k-th kill comes a random time after the epoch at which k of the kills
    are due, wherever in training, evaluation or writing that happens to be.
    """
    for kill in range(kills):
        process = started("--resume", run.path) if run.settings_file.exists() else started(*words)
        due = epochs * kill // kills
        while len(run.metrics()) < due and process.poll() is None:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 2.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        leftovers = [file.name for file in run.path.rglob("*.tmp")] if run.path.exists() else []
        yield {
            "kill": kill + 1,
            "was_running": process.returncode == -signal.SIGKILL,
            "epochs_written": len(run.metrics()),
            "states": [file.name.rpartition("-")[0] for file in states(run.checkpoints)],
            "half_written": leftovers,
        }


def differences(one: RunDirectory, other: RunDirectory) -> list[str]:
    """What is not the same in two finished runs."""
    found = []
    for name in ("last", "best"):
        first, second = (run.checkpoint(name) / "model.safetensors" for run in (one, other))
        if first.read_bytes() != second.read_bytes():
            found.append(f"{name} weights")
    rows = [[{**row, "seconds": 0} for row in run.metrics()] for run in (one, other)]
    if rows[0] != rows[1]:
        found.append("metrics")
    first_state, second_state = (read_state(run.checkpoints, ("fit",))[0] for run in (one, other))
    assert first_state is not None and second_state is not None
    if not _same(first_state["fit"], second_state["fit"]):
        found.append("state")
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def kill_test(folder: Path, *, kills: int, epochs: int, seed: int, settings: dict[str, str]) -> dict[str, Any]:
    """The table of a kill test."""
    whole, torn = RunDirectory(folder / "whole"), RunDirectory(folder / "torn")
    finished(started(*flags(settings, epochs, whole.path)))
    rows = []
    for row in killed(flags(settings, epochs, torn.path), torn, epochs, kills, random.Random(seed)):
        print(row, flush=True)
        rows.append(row)
    finished(
        started("--resume", torn.path) if torn.settings_file.exists() else started(*flags(settings, epochs, torn.path))
    )
    return {
        "settings": settings,
        "epochs": epochs,
        "seed": seed,
        "kills": rows,
        "differences": differences(whole, torn),
        "environment": environment(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = kill_test(
            Path(folder), kills=given.kills, epochs=given.epochs, seed=given.seed, settings=dict(SETTINGS)
        )
    write_json(RESULTS, table)
    met = sum(row["was_running"] for row in table["kills"])
    print(f"{met} of {given.kills} kills met the run; it differs in: {', '.join(table['differences']) or 'nothing'}")


if __name__ == "__main__":
    main()
